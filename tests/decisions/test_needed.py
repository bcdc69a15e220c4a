"""How many more cases or samples would decide."""

import numpy as np
import pytest

from harness.decisions import decide
from harness.decisions.looks import Look, share_of
from tests.decisions.observations import binary, observed, share_right


def needs(candidate, baseline, **changes):
    (verdict,) = decide([observed(candidate, baseline, **changes)], 0.95)
    return verdict


def test_spread_between_cases_asks_for_cases():
    verdict = needs(share_right(27, 30), share_right(27, 30))
    assert "more cases" in verdict.reason
    assert verdict.samples_needed % 5 == 0


def test_about_these_cases_samples_are_asked_for_and_cases_about_cases_like_these():
    rng = np.random.default_rng(1)
    scores = [binary(rng, np.full(40, 0.5), 5) for _ in range(2)]
    verdict = needs(*scores, about="suite")
    assert "samples a case" in verdict.reason
    assert verdict.samples_needed % 40 == 0
    assert "more cases would decide it" in needs(*scores).reason


def test_a_single_case_asks_for_samples():
    verdict = needs([[1.0] * 9 + [0.0]], [[1.0] * 9 + [0.0]])
    assert verdict.reason.endswith("more samples would decide it")
    assert verdict.samples_needed > 100


@pytest.mark.service
def test_the_stated_need_decides_most_of_the_time():
    """With what it asks for, drawn at the same rates, 2 of 3 open gates are decided (aimed at: 4 of 5)."""
    rng = np.random.default_rng(7)
    decided = asked = 0
    for _ in range(400):
        rates = rng.beta(0.9, 0.1, 30)
        first = needs(binary(rng, rates, 5), binary(rng, rates, 5))
        if first.samples_needed is None or first.difference.value < 0:
            continue
        asked += 1
        n_samples = 5
        if "more cases" in first.reason:
            rates = rng.beta(0.9, 0.1, 30 + first.samples_needed // 5)
        else:
            n_samples += first.samples_needed // 30
        again = needs(binary(rng, rates, n_samples), binary(rng, rates, n_samples))
        decided += again.samples_needed is None
    assert asked >= 30
    assert decided / asked > 0.66


def test_cases_that_count_as_one_need_as_many_samples_as_the_next_look_takes():
    """All right: 0.0025^(1/7) > 0.5 - 0.1, so 7 samples pass at the second look."""

    def decided(n_samples, number):
        look = Look(number, share_of(number), share_of(number))
        (verdict,) = decide(
            [
                observed(
                    np.ones((60, n_samples)),
                    threshold=0.5,
                    margin=0.1,
                    clusters=("one",) * 60,
                    clusters_known_by="texts",
                    largest_cluster=60,
                    about="suite",
                    suite_size=60,
                    design="sequential",
                )
            ],
            0.95,
            looks={"foundation/test_capitals": look},
        )
        return verdict

    assert "about 5 more samples a case would decide it" in decided(2, 1).reason
    assert decided(2 + 4, 2).verdict == "inconclusive"
    assert decided(2 + 5, 2).verdict == "passed"


def test_no_number_is_named_where_there_is_no_bound_and_nothing_differs():
    """A quantile among ties, of which the next look has no bound."""
    scores = [[2.0]] * 90 + [[3.0]] * 10 + [[9.0]] * 2
    asked = observed(scores, threshold=4.0, margin=1.0, higher_is_better=False, unit="s", statistic="p95")
    (verdict,) = decide([asked], 0.95, looks={asked.id: Look(1, share_of(1), share_of(1))})
    assert verdict.verdict == "inconclusive"
