"""The figures of an evaluation are whole and tell apart what differs, at every width."""

from __future__ import annotations

import math
import re

import pytest

from harness.records import Difference, Estimate, VerdictKind
from harness.reporting.shared.table import rows
from harness.reporting.terminal.report import Layout, render
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples
from tests.reporting.terminal.shown import text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("make", [examples.red, examples.undecided, examples.no_baseline, examples.broken])
def test_every_figure_is_whole_at_every_width(make, width):
    """The same numbers appear in the same order, however narrow the terminal is."""

    def figures(columns):
        lines = render(make(), Layout(width=columns))
        return sorted(re.findall(r"[+-]?\d+\.\d+\b", "\n".join(lines)))

    assert figures(width) == figures(1000)


def test_more_digits_are_shown_where_two_would_hide_a_difference():
    close = examples.verdict(
        VerdictKind.INCONCLUSIVE, candidate=0.9004, baseline=None, threshold=0.9, reason="could be as low as 0.8994"
    )
    close = replace(close, candidate=replace(close.candidate, low=0.84, high=0.96))
    assert "0.9004 (0.84 to 0.96), needs 0.85: " in text(examples.report(close), width=160)


def test_a_difference_that_only_just_exceeds_its_margin_does_not_read_like_it():
    verdict = examples.verdict(candidate=0.88, reason="no worse by more than 0.05")
    near = Difference(-0.02, 0.01, -0.0496, 0.01, 0.1, "t")
    verdict = replace(verdict, checks=(replace(verdict.checks[0], difference=near),))
    assert "(-0.0496 to +0.0100, margin 0.05)" in text(examples.report(verdict), width=200)


def test_bounds_that_are_not_known_are_said_to_be_unknown():
    verdict = examples.verdict(VerdictKind.INCONCLUSIVE)
    nothing = Difference(float("nan"), float("inf"), float("-inf"), float("inf"), 1.0, "no scores to compare")
    verdict = replace(verdict, checks=(replace(verdict.checks[0], difference=nothing),))
    assert "0.93 -> 0.93 (no bounds, margin 0.05)" in text(examples.report(verdict))


def test_two_metrics_of_one_evaluation_are_told_apart_and_its_notes_counted_once():
    both = [examples.regressed(metric=name) for name in ("accuracy", "length")]
    shown = text(examples.report(*both), width=200)
    assert "foundation/test_capitals accuracy" in shown
    assert "foundation/test_capitals length" in shown
    assert "312 of 1,000 answers were cut" in shown


def test_a_measure_of_equal_values_has_no_spread():
    measured = examples.verdict(VerdictKind.INCONCLUSIVE, candidate=3.0, baseline=None, unit="s", is_binary=False)
    for unknown in (math.inf, math.nan):  # NaN after a way through JSON
        estimate = replace(measured.candidate, low=-unknown, high=unknown)
        assert "3.00 s (no bounds)" in text(examples.report(replace(measured, candidate=estimate)))


def test_a_quantile_that_has_no_bounds_yet_is_not_called_level():
    estimate = Estimate(3.0, math.inf, -math.inf, math.inf, "p95")
    measured = examples.verdict(VerdictKind.INCONCLUSIVE, candidate=3.0, baseline=None, unit="s", is_binary=False)
    shown = text(examples.report(replace(measured, candidate=estimate, statistic="p95")))
    assert "3.00 s" in shown
    assert "no spread" not in shown


def test_an_error_shows_no_figures():
    (found,) = rows(examples.report(replace(examples.verdict(VerdictKind.ERROR), errors=("KeyError: 'x'",))))
    assert found.figures == ""
