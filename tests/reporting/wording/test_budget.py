"""What a budget's line, the progress and the header say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import Budget, BudgetLimits, Expenditure, Note, Usage, VerdictKind
from harness.records.report_json import from_json, to_json
from harness.reporting.markdown.report import markdown
from harness.reporting.terminal.report import Layout, render
from harness.reporting.wording.budget import budget_line, flops_in_words, left
from harness.reporting.wording.notes import with_notes
from tests.reporting import example_reports as examples

LIMITS = BudgetLimits(max_tokens=10_000, max_cost=0.5)


def cut(identity="suites/test_a.py::test_a", **more):
    return examples.verdict(
        VerdictKind.INCONCLUSIVE, identity, stopped_at="--max-cost 0.50", needed=60, reason="stopped at", **more
    )


def stopped(*verdicts, **changes):
    budget = Budget(LIMITS, Expenditure(requests=120, tokens=9_120, cost=0.49871, elapsed_s=41.0), "max_cost")
    return replace(examples.report(*verdicts), budget=replace(budget, **changes))


def test_the_limit_that_ended_the_run_is_told_with_what_was_spent_and_decided():
    report = stopped(cut(), cut(metric="other"), examples.verdict(), examples.verdict(identity="suites/b.py::b"))
    assert budget_line(report) == "stopped at --max-cost 0.50 (0.4987 spent) with 2 of 3 evaluations decided"


def test_a_run_that_came_to_its_end_tells_what_it_spent_of_each_limit():
    report = stopped(examples.verdict(), stopped_by=None)
    assert budget_line(report) == "9,120 of max_tokens 10,000 spent, 0.4987 of --max-cost 0.50 spent"


def test_markdown_and_page_have_it_among_their_notes():
    line = "stopped at --max-cost 0.50 (0.4987 spent) with 0 of 1 evaluation decided"
    report = with_notes(stopped(cut()))
    assert line in markdown(report)
    assert Note("budget", line) in report.notes


def test_without_limits_there_is_no_line():
    assert budget_line(examples.green()) == ""
    assert not any(line.startswith("budget") for line in render(examples.green()))


def test_the_terminal_shows_it_below_the_verdict_and_says_how_to_go_on():
    lines = render(with_notes(stopped(cut())), Layout(width=100))
    where = [line[:8].strip() for line in lines]
    assert where.index("budget") > where.index("INCONCLU")
    assert examples.steps(stopped(cut())) == [
        "run again, or with a higher limit, to go on from there: what is stored costs nothing"
    ]


def test_cost_is_a_fact_of_the_header_where_it_is_known():
    usage = Usage(10, 10, 0, 100, 10, 1.0, cost=0.1234)
    assert "· cost 0.1234" in " ".join(render(examples.report(examples.verdict(), usage=usage), Layout(width=100)))
    assert "cost" not in " ".join(render(examples.report(examples.verdict()), Layout(width=100)))


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        (Expenditure(tokens=6_200, cost=0.1), "38% of max_tokens left"),
        (Expenditure(tokens=6_200, cost=0.45), "10% of --max-cost left"),
        (Expenditure(tokens=12_000, cost=0.1), "0% of max_tokens left"),
    ],
)
def test_progress_tells_the_scarcest_limit(spent, text):
    assert left(Budget(LIMITS, spent)) == text
    assert left(None) == ""


def test_time_and_requests_are_limits_too():
    assert left(Budget(BudgetLimits(deadline_s=100), Expenditure(elapsed_s=25))) == "75% of --deadline left"
    assert left(Budget(BudgetLimits(max_requests=4), Expenditure(requests=1))) == "75% of max_requests left"


def test_a_budget_reads_back_equal():
    report = stopped(cut())
    assert from_json(to_json(report)) == report
    assert from_json({key: value for key, value in to_json(report).items() if key != "budget"}).budget is None


def test_versions_that_spent_nothing_or_nobody_knows_how_much_are_left_out():
    usage = Usage(flops={"a": 2.5e12, "b": None, "c": 0.0})
    assert flops_in_words(usage) == ["2.5 TFLOP by a"]
