"""What reports say of slices: the worst first, and within the width of a terminal."""

from __future__ import annotations

from harness.records import Difference, Estimate, SliceResult, VerdictKind
from harness.reporting.markdown.report import markdown
from harness.reporting.shared.table import slice_rows, slices_in_words
from harness.reporting.shared.text import cells
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples
from tests.reporting.markdown_page import Page
from tests.reporting.terminal.shown import text

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
