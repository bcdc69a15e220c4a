"""Figures in reasons, and what a red one is told beside them."""

import re
from typing import Any

import numpy as np
import pytest

from harness.decisions import decide, look_at
from harness.decisions.reasons import figure
from harness.gate.evaluations.kinds import without_ratio
from tests.decisions.observations import observed, replace


def test_what_is_proven_does_not_read_like_what_is_required() -> None:
    exact = {"threshold": 1.0, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 3}
    (verdict,) = decide([observed([[1.0]] * 3, **exact)], 0.95)
    assert verdict.reason == "proven above 0.999"


def test_a_figure_never_reads_like_the_one_it_differs_from():
    assert figure(-0.0504, apart_from=-0.05) == "-0.0504"
    assert figure(0.1504, apart_from=0.05) == "0.15"
    assert figure(0.0004) == "0.0004"
    assert figure(0.0) == "0.00"
    assert figure(1234.5, "ms") == "1,234.50 ms"


@pytest.mark.parametrize(("score", "n_cut", "said"), [(0, 20, True), (0, 19, False), (1, 40, False)])
def test_a_red_verdict_says_where_a_limit_cut_half_of_its_answers(score: int, n_cut: int, said: bool) -> None:
    (verdict,) = decide([observed([[score]] * 40, threshold=0.9, margin=0.05, n_truncated=n_cut)], 0.95)
    assert said == (f"; {n_cut} of 40 answers were cut at max_tokens" in verdict.reason)


def pairs_of_blocks(n_pairs: int, slower: float = 1.4, **changes: object):
    """Times of a candidate that is slower in each pair, by about as much."""
    ours = slower * np.linspace(0.99, 1.01, n_pairs)[:, np.newaxis]
    fields = {"unit": "s", "higher_is_better": False, "margin_is_relative": True, "in_blocks": True}
    return observed(ours, np.ones_like(ours), n_planned=n_pairs, **{**fields, **changes})


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_pairs_that_can_not_be_red_say_how_many_could(higher_is_better):
    """Added later its red level is 0.0011, which one of 2^9 is above: whatever they show, 8 pairs are open."""
    slower = 0.5 if higher_is_better else 2.4
    entry = pairs_of_blocks(8, slower, higher_is_better=higher_is_better)
    (told,) = decide([entry], 0.95, looks={entry.id: look_at(1, 2, 2)})
    assert "red needs 10 pairs at its level of 0.0011, 14 at the next look" in told.reason
    assert told.reason.endswith("; added after others were weighed: red at 0.0011")
    assert "more pairs would decide it" in told.reason
    assert told.samples_needed == 14 - 8
    (told,) = decide(
        [pairs_of_blocks(10, slower, higher_is_better=higher_is_better)], 0.95, looks={entry.id: look_at(1, 2, 2)}
    )
    assert told.verdict.is_red
    assert "red at" not in told.reason


@pytest.mark.parametrize("zeros", [8, 5])
def test_a_candidate_that_never_keeps_what_is_required_is_red(zeros: int) -> None:
    """The worst that can be measured was an error: 0 has no logarithm."""
    entry = pairs_of_blocks(8, 0.9, higher_is_better=True, unit="requests/s")
    figures = np.where(np.arange(8)[:, np.newaxis] < zeros, 0.0, entry.candidate)
    (told,) = decide([replace(entry, candidate=figures, margin=0.1)], 0.95)
    assert told.verdict.value == "regressed"
    assert told.difference.value == told.difference.low == -1.0
    assert without_ratio(replace(entry, candidate=figures)) == []
    assert without_ratio(replace(entry, candidate=figures, higher_is_better=False))
    assert without_ratio(replace(entry, baseline=figures))


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_pairs_without_a_bound_say_how_many_have_one(higher_is_better):
    entry = pairs_of_blocks(5, 1.0, higher_is_better=higher_is_better)
    (told,) = decide([entry], 0.95, looks={entry.id: look_at(2, 1, 1, because="samples 5 → 10")})
    assert told.reason.startswith("5 pairs of blocks have no bound at 0.0025, 9 have one; about 6 more pairs would")
    low = told.difference.low if higher_is_better else -told.difference.high
    assert low == -np.inf


def test_the_pairs_that_are_asked_for_decide_most_of_the_time():
    """Measured anew, of the same law, at the level of the next look: 4 of 5 open gates are aimed at."""
    rng = np.random.default_rng(3)

    def drawn(pairs, number):
        entry = pairs_of_blocks(pairs)
        entry = replace(entry, candidate=np.exp(0.03 + 0.04 * rng.normal(size=(pairs, 1))))
        (told,) = decide([entry], 0.95, looks={entry.id: look_at(number, 1, 1, because="again")})
        return told

    opened = [told for told in (drawn(8, 1) for _ in range(200)) if told.difference.value > 0.015]
    needed = [told.samples_needed for told in opened if told.samples_needed is not None]
    decided = [drawn(8 + more, 2).samples_needed is None for more in needed if more < 100]
    assert len(decided) >= 30
    assert np.mean(decided) > 0.5


@pytest.mark.parametrize(
    ("known_by", "expected"), [("texts", "more cases that are not copies"), ("field", "more cases in new clusters")]
)
def test_where_all_cases_are_one_cluster_the_advice_is_another_cluster(known_by: Any, expected: str) -> None:
    seconds = np.linspace(1, 2, 6)[:, np.newaxis]
    known = {"clusters": ("a",) * 6, "clusters_known_by": known_by, "largest_cluster": 6 if known_by == "field" else 1}
    (verdict,) = decide([observed(seconds, unit="s", threshold=9.0, **known)], 0.95)
    assert re.search(f"too few cases to bound the median: about [0-9]+ {expected} could", verdict.reason)
    assert verdict.samples_needed >= 4
    assert verdict.largest_cluster == len(seconds)
