"""Differences and margins in words."""

from __future__ import annotations

import numpy as np

from harness.decisions import decide
from harness.reporting.shared.table import _needs_in_words, difference_in_words, margin_against, margin_in_words, row
from tests.decisions.observations import observed
from tests.reporting import example_reports as examples


def slower(**changes):
    """Seconds that are 20 % more than the baseline's, with a margin of 10 %."""
    ours = 1.2 * np.exp(0.001 * np.array([1, -1] * 5))[:, np.newaxis]
    fields = {"unit": "s", "higher_is_better": False, "margin": 0.1, "margin_is_relative": True, **changes}
    return decide([observed(ours, np.ones_like(ours), **fields)], 0.95)[0]


def test_a_ratio_is_told_in_per_cent():
    verdict = slower()
    assert row(verdict, "a").figures == "1.000 -> 1.199 s (+19.9 to +20.1 %, margin 10 %)"
    assert difference_in_words(verdict.difference, verdict).endswith("%")
    assert margin_in_words(verdict) == "10 %"


def test_beside_a_threshold_each_comparison_has_its_own_margin():
    verdict = slower(threshold=2.0)
    assert margin_in_words(verdict, "threshold") == "0.200 s"
    assert margin_in_words(verdict, "baseline") == "10 %"
    assert margin_against("threshold", verdict) == 0.2
    told = {check.against: difference_in_words(check.difference, verdict, check.against) for check in verdict.checks}
    assert told["threshold"].endswith(" s")
    assert told["baseline"].endswith(" %")


def test_where_neither_way_is_better_the_margin_has_both_signs():
    assert margin_in_words(slower(aim="same")) == "±10 %"
    assert margin_in_words(slower(aim="same", margin_is_relative=False)) == "±0.100 s"


def test_a_threshold_is_told_as_what_it_demands():
    assert _needs_in_words(slower()) == ""
    assert _needs_in_words(slower(threshold=2.0)) == "needs at most 2.20 s: 2.00 and the margin 0.20"
    assert _needs_in_words(slower(threshold=2.0, aim="same")) == "needs 2.00 ± 0.20 s"
    assert _needs_in_words(examples.verdict(threshold=0.9, margin=0.1)) == "needs 0.80: 0.90 less the margin 0.10"
