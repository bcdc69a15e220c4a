"""What reports say of slices: the worst first, and within the width of a terminal."""

from __future__ import annotations

from harness.records import Difference, Estimate, SliceResult, VerdictKind
from harness.reporting.markdown.report import markdown
from harness.reporting.shared.text import cells
from harness.reporting.wording.slices import shown_slices, slice_lines, slice_rows, sliced, slices_in_words
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples
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
    assert (row.name, row.n_cases, row.candidate, row.baseline) == (
        "topic billing",
        "30",
        "0.05 [0.00, 0.20]",
        "0.95",
    )
    assert (row.difference, row.scores) == ("-0.90 [-1.00, -0.60]", "0.95 -> 0.05")
    assert slice_rows(SLICED)[2].candidate == ""


def test_of_many_the_red_ones_are_shown_and_of_a_pass_the_worst() -> None:
    many = replace(SLICED, slices=(*[WORSE] * 7, *[OPEN] * 13))
    assert len(shown_slices(many)) == 5
    assert len(shown_slices(many, every=True)) == 20
    assert len(shown_slices(replace(many, slices=(OPEN,) * 20, verdict=VerdictKind.PASSED))) == 1


def test_a_terminal_shows_them_in_lines_that_fit() -> None:
    report = examples.report(SLICED)
    assert "3 of topic, margin 0.10: 1 worse by more, 2 open" in markdown(report)
    shown = text(report)
    assert "  slices          foundation/test_capitals: 3 of topic, margin 0.10: 1 worse by\n" in shown
    assert "      slice           cases   baseline -> candidate   difference\n" in shown
    assert "    x topic billing   30      0.95 -> 0.05            -0.90 [-1.00, -0.60]\n" in shown
    assert "    ? topic refunds   30      0.95 -> 0.05            -0.07 [-0.31, +0.14]\n" in shown
    assert "    ? topic hours     0\n" in shown
    assert "of slices those of all of them together" in " ".join(shown.split())
    for width in (30, 60, 80, 120):
        lines = slice_lines(report, width, "utf-8")
        assert max(map(cells, lines)) <= width
        assert all(lines)


def test_against_a_threshold_it_is_said_that_the_difference_is_to_it() -> None:
    difference = Difference(-0.75, 0.05, -0.8, -0.6, 1e-9, "m")
    required = replace(WORSE, baseline=None, difference=difference, verdict=VerdictKind.FAILED)
    report = examples.report(replace(SLICED, baseline=None, threshold=0.8, slices=(required,)))
    assert slices_in_words(report.evaluations[0]) == "1 of topic, threshold 0.80, margin 0.10: 1 worse by more"
    assert slice_lines(report, 100, "utf-8")[1:] == [
        "      slice           cases   candidate   difference to threshold",
        "    x topic billing   30      0.05        -0.75 [-0.80, -0.60]",
    ]
    unbounded = replace(report.evaluations[0], threshold=None, slices=(replace(required, difference=None),))
    assert slice_lines(examples.report(unbounded), 100, "utf-8")[1:] == [
        "      slice           cases   candidate",
        "    x topic billing   30      0.05 [0.00, 0.20]",
    ]


def test_a_value_that_would_move_the_cursor_is_written_out() -> None:
    hostile = replace(SLICED, slices=(replace(WORSE, value="\x1b[2J\u202e" + "x" * 300),))
    shown = "\n".join(slice_lines(examples.report(hostile), 80, "utf-8"))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_of_a_large_report_those_that_passed_are_left_to_the_page() -> None:
    passed = replace(SLICED, verdict=VerdictKind.PASSED, id="suites/t.py::test_other")
    report = examples.report(*[replace(passed, id=f"suites/t.py::test_{i}") for i in range(9)], SLICED)
    assert [verdict.verdict for verdict, _ in sliced(report)] == [VerdictKind.REGRESSED]
    assert len(sliced(report, every=True)) == 10
