"""Evaluations that are weighed against an anchor, too: one rule, one more comparison of red, both for green."""

from __future__ import annotations

import numpy as np
import pytest

from harness.decisions import Observations, decide
from harness.decisions.rule import n_comparisons
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed, replace, share_right


def creeping(candidate: int, baseline: int, anchor: int, **changes: object) -> Observations:
    """Versions of which so many of 100 cases are right in every sample."""
    scores = (share_right(each, 100) for each in (candidate, baseline, anchor))
    ours, theirs, first = scores
    return observed(ours, theirs, anchor=first, anchor_name="released", margin=0.1, about="suite", **changes)


@pytest.mark.parametrize("design", ["fixed", "sequential"])
def test_a_slow_decline_is_red_because_of_the_anchor_and_says_so(design):
    shuffled = np.random.default_rng(1).permutation(100).tolist()
    (verdict,) = decide([creeping(80, 85, 100, n_planned=100, design=design).rows(shuffled)], 0.95)
    assert verdict.verdict is VerdictKind.REGRESSED
    assert verdict.reason.startswith("lower than the anchor released")
    assert ", though no" in verdict.reason
    assert [each.against for each in verdict.checks] == ["baseline", "anchor"]
    assert verdict.difference == verdict.checks[0].difference
    assert verdict.anchor_difference == verdict.checks[1].difference
    assert (verdict.anchor.value, verdict.baseline.value) == pytest.approx((1.0, 0.85), abs=0.06)


def test_green_needs_both_and_either_alone_is_not_enough():
    kinds = {
        given: decide([creeping(*given)], 0.95)[0].verdict for given in ((98, 98, 98), (80, 80, 100), (80, 100, 80))
    }
    assert kinds == {
        (98, 98, 98): VerdictKind.PASSED,
        (80, 80, 100): VerdictKind.REGRESSED,
        (80, 100, 80): VerdictKind.REGRESSED,
    }


def test_it_is_one_more_comparison_of_red_and_passes_cost_nothing():
    both, alone = creeping(98, 98, 98), replace(creeping(98, 98, 98), anchor=None)
    held = replace(both, threshold=0.8)
    assert [n_comparisons([each]) for each in (alone, both, held)] == [1, 2, 3]
    (one,), (two,) = decide([alone], 0.95), decide([both], 0.95)
    assert one.checks[0].level == two.checks[0].level == two.checks[1].level
    assert one.checks[0].red_level == pytest.approx(2 * two.checks[0].red_level)


def test_an_anchor_with_more_samples_of_its_own_is_weighed_by_all_of_them():
    rng = np.random.default_rng(2)
    rates = np.full(60, 0.8)
    entry = observed(binary(rng, rates, 5), binary(rng, rates, 5), anchor=binary(rng, rates, 20), margin=0.3)
    (verdict,) = decide([entry], 0.95)
    assert verdict.anchor_difference.standard_error < verdict.difference.standard_error


def test_an_open_comparison_with_the_anchor_says_what_would_decide_it():
    rng = np.random.default_rng(3)
    rates = np.full(60, 0.85)
    entry = observed(
        binary(rng, rates, 2), share_right(30, 60, 2), anchor=binary(rng, rates, 2), anchor_name="v1.2", margin=0.01
    )
    (verdict,) = decide([replace(entry, margin=0.01, recorded=frozenset({"anchor"}))], 0.95)
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert verdict.reason.startswith("could be lower than the anchor v1.2 by up to ")
    assert verdict.samples_needed > 0


def test_a_measure_in_a_range_and_the_other_way_round():
    fast, slow = np.full((40, 2), 2.0), np.full((40, 2), 6.0)
    measured = {"unit": "s", "higher_is_better": False, "at_least": 0.0, "at_most": 10.0, "margin": 1.0}
    (verdict,) = decide([observed(slow, slow, anchor=fast, **measured)], 0.95)
    assert verdict.verdict is VerdictKind.REGRESSED
    assert verdict.reason.startswith("higher than the anchor by more than 1.00 s")
    assert verdict.anchor_difference.value == pytest.approx(4.0)
