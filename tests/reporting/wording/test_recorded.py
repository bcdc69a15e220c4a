from __future__ import annotations

from dataclasses import replace

from harness.records import BaselineRecord, VerdictKind
from harness.reporting.terminal.report import render
from harness.reporting.wording.recorded import recorded_notes
from tests.reporting import example_reports as examples

RECORD = BaselineRecord("released", "r1", "2026-11-24T16:03:12Z", 55, 2, 1, 3, 4)


def test_cases_without_a_pair_are_told_of_what_passed():
    passed = replace(examples.verdict(), baseline_record=RECORD)
    red = replace(examples.verdict(VerdictKind.REGRESSED), baseline_record=RECORD)
    whole = replace(examples.verdict(), baseline_record=BaselineRecord("released", "r1", "x", 5, 0, 0, 0, 0))
    assert recorded_notes([passed, passed, red, whole]) == [
        "what passed was weighed against the recorded scores of 115 cases; of others 4 changed, 2 new, 6 gone",
        "8 cases of what passed were asked otherwise when recorded",
    ]
    assert recorded_notes([red, whole, examples.verdict()]) == []


def test_the_terminal_tells_it_where_rows_are_hidden():
    report = examples.green()
    for number, expected in ((2, False), (8, True)):
        verdicts = tuple(
            replace(examples.verdict(identity=f"a.py::test_{i}"), baseline_record=RECORD) for i in range(number)
        )
        lines = " ".join(render(replace(report, evaluations=verdicts)))
        assert ("against the recorded scores of" in lines) is expected
