"""Scores of needles as curves, and as a terminal shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import CaseResult, Report
from harness.reporting.customization.context import context_curves, context_document, context_lines
from harness.reporting.terminal.report import Layout
from harness.statistics.intervals.proportions import proportion_bands
from tests.reporting import example_reports

DEPTHS = (0, 50, 100)
NEEDLES = "suites/test_context.py::test_needles"


def scored(candidate: float, baseline: float | None, middle: float) -> tuple[CaseResult, ...]:
    """Cases of two tasks: scores as given, those at half the depth times `middle`."""
    return tuple(
        example_reports.case(
            f"{task}-{depth}-{number}",
            candidate * (middle if depth == 50 else 1),
            None if baseline is None else baseline,
        )
        for task in ("single", "keys")
        for depth in DEPTHS
        for number in range(1, 11)
    )


def needles(baseline: float | None = 1.0) -> Report:
    """The candidate loses the middle of 512 tokens; the baseline loses nothing."""
    lost = {"1024 tokens": 0.0, "128 tokens": 1.0, "512 tokens": 0.25}
    verdicts = [
        example_reports.verdict(identity=NEEDLES, metric=metric, cases=scored(1.0, baseline, middle))
        for metric, middle in lost.items()
    ]
    shares = replace(verdicts[0], id="suites/test_context.py::test_share", unit="of the score")
    return example_reports.report(*verdicts, shares, example_reports.verdict())


def test_scores_become_a_curve_for_each_version() -> None:
    ours, theirs = context_curves(needles())
    assert (ours.version, theirs.version) == ("smollm2-pruned", "smollm2")
    assert (ours.length.length, theirs.length.length) == (128, 1024)
    assert ours.length.means == pytest.approx((1.0, 0.75, 2 / 3))
    assert {task: each.means[1] for task, each in ours.tasks.items()} == {"single": 0.75, "keys": 0.75}
    assert [each.length for each in theirs.tasks.values()] == [128, 128], "30 cases of a task show nothing"
    (middle,) = (point for point in ours.points if (point.tokens, point.depth) == (512, 0.5))
    assert (middle.score, middle.n) == (0.25, 20)
    assert middle.band == proportion_bands([0.25] * 9, [20] * 9)[0]


def test_without_a_baseline_or_needles_there_is_no_curve_of_it() -> None:
    assert len(context_curves(needles(baseline=None))) == 1
    assert context_curves(example_reports.report(example_reports.verdict())) == []


def test_a_terminal_shows_lengths_and_depths() -> None:
    (ours, _) = context_curves(needles())
    lines = context_lines(ours, 0.95, Layout(width=80))
    assert lines[0] == "smollm2-pruned: effective length 128 tokens"
    assert max(map(len, lines)) <= 80
    (row,) = (line for line in lines if line.split()[:3] == ["512", "0.75", "0.75"])
    assert row.split()[4:] == ["0.75", "0.75"]
    assert [line.split() for line in lines if line.split()[:1] == ["effective"]] == [["effective", "128", "128", "128"]]
    (middle,) = (line for line in lines if line.split()[:3] == ["512", "50%", "0.25"])
    assert "●" in middle
    assert middle.index("─") < middle.index("●")
    assert "\n".join(context_lines(ours, 0.95, Layout(encoding="ascii"))).isascii()


def test_the_document_has_all_of_it() -> None:
    document = context_document(context_curves(needles()))
    assert [each["effective_length"] for each in document] == [128, 1024]
    assert document[0]["points"][0] == {
        "tokens": 128,
        "depth": 0.0,
        "score": 1.0,
        "band": {"low": pytest.approx((0.05 / 18) ** (1 / 20)), "high": 1.0},
        "n": 20,
    }
