"""One comparison: its bounds, its levels and what it says of them."""

import numpy as np
import pytest

from harness.decisions import Look, decide, worst
from tests.decisions.observations import observed, share_right
from tests.decisions.weighed import FAILED, INCONCLUSIVE, PASSED, REGRESSED, gate, one


def test_a_threshold_is_met_missed_or_open():
    met, missed, is_open = (one(share_right(right, 100), threshold=0.9) for right in (96, 70, 88))
    assert (met.verdict, met.reason) == (PASSED, "proven above 0.85")
    assert (missed.verdict, missed.reason) == (FAILED, "below the threshold 0.90")
    assert is_open.verdict is INCONCLUSIVE
    assert is_open.reason.startswith("could be as low as 0.81; about ")


def test_a_single_figure_has_no_bound_and_says_how_many_have():
    verdict = one([[269.0]], threshold=300.0, unit="MB", higher_is_better=False)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason == "too few samples to bound the median: about 4 more samples could"
    assert verdict.samples_needed == 4


@pytest.mark.service
def test_every_check_follows_from_the_numbers_it_reports():
    """L > -margin passes; else U < 0 is red; else open: with the very bounds in the report."""
    seen = set()
    for seed in range(10):
        for verdict in decide(gate(np.random.default_rng(seed), 12), 0.95):
            for check in verdict.checks:
                red = FAILED if check.against == "threshold" else REGRESSED
                low, high = check.difference.low, check.difference.high
                assert check.verdict is (PASSED if low > -0.05 else red if high < 0 else INCONCLUSIVE)
                assert low <= check.difference.value <= high
                seen.add(check.verdict)
            assert verdict.verdict is worst(check.verdict for check in verdict.checks)
    assert seen == {PASSED, INCONCLUSIVE, REGRESSED, FAILED}


def test_half_the_share_is_half_the_level():
    evaluation = observed(share_right(85, 100), share_right(90, 100))
    half = decide([evaluation], 0.95, looks={evaluation.id: Look(red_share=0.5)})[0]
    strict = decide([evaluation], 0.975)[0]
    assert half.difference.high == pytest.approx(strict.difference.high)
    assert half.difference.low > strict.difference.low


def test_the_method_says_what_was_corrected():
    method = decide(gate(np.random.default_rng(1), 8), 0.95)[1].difference.method
    assert "lower bound one-sided at 0.95" in method
    assert "Holm-corrected over 11 comparisons" in method
    assert "Holm" not in one(share_right(9, 10), share_right(9, 10)).difference.method


def test_a_bound_that_lies_inside_the_range_is_told_why():
    """A proof looks at one end, a range at both: "proven above 0.80" may stand beside [0.79, 1.00]."""
    inside, told = 0, "its range is wider, for it allows for error at both ends"
    for n_right in range(60, 90):
        scores = np.array([1.0] * n_right + [0.0] * (90 - n_right))[:, None]
        (verdict,) = decide([observed(scores, None, threshold=0.8, margin=0.05)], 0.95)
        crosses = verdict.verdict is PASSED and verdict.candidate.low < 0.75
        assert crosses == (told in verdict.reason)
        inside += crosses
    assert inside
