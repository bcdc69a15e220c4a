"""The figures of an evaluation are whole and tell apart what differs, at every width."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from harness.decisions import decide
from harness.records import Difference, Estimate, SliceResult, Usage, Verdict, VerdictKind
from harness.reporting.markdown.report import markdown
from harness.reporting.shared.table import (
    _needs_in_words,
    difference_in_words,
    margin_against,
    margin_in_words,
    row,
    rows,
    slice_rows,
    slices_in_words,
)
from harness.reporting.shared.text import cells
from harness.reporting.terminal.report import Layout, render
from tests.decisions.observations import observed, replace
from tests.reporting import example_reports as examples
from tests.reporting.markdown_page import Page
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


WORSE = SliceResult(
    "topic",
    "billing",
    30,
    Estimate(0.05, 0.02, 0.0, 0.2, "m"),
    Estimate(0.95, 0.02, 0.8, 1.0, "m"),
    Difference(-0.9, 0.05, -1.0, -0.6, 1e-9, "m"),
    VerdictKind.REGRESSED,
    "lower by more than 0.10",
    n_planned=30,
)
OPEN = replace(
    WORSE,
    value="refunds",
    difference=Difference(-0.07, 0.05, -0.31, 0.14, 0.2, "m"),
    verdict=VerdictKind.INCONCLUSIVE,
    reason="could be lower by up to 0.31",
)
UNKNOWN = SliceResult("topic", "hours", 0, None, None, None, VerdictKind.INCONCLUSIVE, "no case has a score")
SLICED = replace(examples.regressed(), slices=(WORSE, OPEN, UNKNOWN), slice_margin=0.1)


def test_slices_are_counted_by_what_they_come_to() -> None:
    assert slices_in_words(SLICED) == "3 of topic, margin 0.10: 1 worse by more, 2 open"
    passed = replace(OPEN, verdict=VerdictKind.PASSED)
    assert slices_in_words(replace(SLICED, slices=(passed,))).endswith("0.10: 1 within it")
    same = replace(SLICED, aim="same", slices=(WORSE,))
    assert slices_in_words(same) == "1 of topic, margin ±0.10: 1 different by more"
    assert slices_in_words(replace(SLICED, slices=(UNKNOWN,))) == "1 of topic; nothing required"


def test_a_row_has_the_figures_of_both_versions() -> None:
    row = slice_rows(SLICED)[0]
    assert (row.name, row.candidate, row.baseline) == ("topic billing", "0.05 [0.00, 0.20]", "0.95")
    assert row.difference == "-0.90 [-1.00, -0.60]"
    assert row.figures == "0.95 -> 0.05 (-1.00 to -0.60, margin 0.10)"
    assert slice_rows(SLICED)[2].candidate == ""


def test_a_red_slice_is_named_in_the_sentence_and_the_others_counted() -> None:
    report = examples.report(SLICED)
    for shown in (text(report), Page(markdown(report)).root.text_content()):
        assert "topic billing 0.95 " in shown
        assert " 0.05 (-1.00 to -0.60, margin 0.10)" in shown
    shown = text(report)
    assert "slices: 3 of topic, margin 0.10: 1 worse by more, 2 open\n" in shown
    assert "topic refunds" not in shown
    assert "of slices those of all of them together" in " ".join(shown.split())
    many = text(examples.report(replace(SLICED, slices=(*[WORSE] * 7, OPEN))), width=160)
    assert "; 6 more slices worse: topic billing, topic billing, topic billing, …\n" in many


def test_all_are_shown_where_all_is_wanted_in_lines_that_fit() -> None:
    shown = text(examples.report(SLICED), width=100, verbosity=1)
    assert "x topic billing   30 cases   0.95 -> 0.05 (-1.00 to -0.60, margin 0.10)\n" in shown
    assert "? topic refunds   30 cases   0.95 -> 0.05 (-0.31 to +0.14, margin 0.10)\n" in shown
    assert "? topic hours   0 cases\n" in shown
    for width in (30, 60, 80, 120):
        assert max(map(cells, text(examples.report(SLICED), width=width, verbosity=1).splitlines())) <= width


def test_against_a_threshold_it_is_said_what_that_demands() -> None:
    difference = Difference(-0.75, 0.05, -0.8, -0.6, 1e-9, "m")
    required = replace(WORSE, baseline=None, difference=difference, verdict=VerdictKind.FAILED)
    verdict = replace(SLICED, baseline=None, threshold=0.8, slices=(required,))
    assert slices_in_words(verdict) == "1 of topic, threshold 0.80, margin 0.10: 1 worse by more"
    assert slice_rows(verdict)[0].figures == "0.05 (0.00 to 0.20), needs 0.70: 0.80 less the margin 0.10"
    unbounded = replace(verdict, threshold=None, slices=(replace(required, difference=None),))
    assert slice_rows(unbounded)[0].figures == "0.05 [0.00, 0.20]"


def test_a_value_that_would_move_the_cursor_is_written_out() -> None:
    hostile = replace(SLICED, slices=(replace(WORSE, value="\x1b[2J\u202e" + "x" * 300),))
    shown = text(examples.report(hostile))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_quiet_run_lists_no_slice() -> None:
    report = examples.report(SLICED)
    assert text(report, width=160, verbosity=-1) == text(report, width=160)


def exact(**fields: object) -> Verdict:
    """One of four cases that come to 1, of both versions, whenever they are run."""
    shared = {"threshold": 1.0, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 4, **fields}
    return decide([observed(np.ones((4, 1)), np.ones((4, 1)), **shared)], 0.95)[0]


def test_what_no_chance_has_a_part_in_has_no_bounds() -> None:
    verdict = exact()
    assert verdict.is_certain
    report = examples.report(verdict, usage=Usage(0, 0, 0, 0, 0, 0.8))
    for shown in (text(report, width=120), markdown(report)):
        assert "no model asked" in shown
        assert "1.000 [" not in shown
        assert "0.000 [" not in shown
        assert "bound in brackets" not in shown
    assert "proven above 0.999" in text(report)


def test_a_population_is_a_matter_of_chance_though_no_case_is() -> None:
    verdict = exact(about="population")
    assert not verdict.is_certain
    shown = text(examples.report(verdict), width=120)
    assert re.search(r"1\.00 -> 1\.00 \(.* to ", shown)
    assert "each bound in brackets" in shown


def test_of_a_part_the_whole_is_not_known() -> None:
    assert not replace(exact(), suite_size=5).is_certain
