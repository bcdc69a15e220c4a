"""What is said of judges, recordings, kept shares and figures over all cases."""

from __future__ import annotations

from dataclasses import replace

import jsonschema

from harness.records import (
    Aggregate,
    BaselineRecord,
    Estimate,
    JudgeSummary,
    Verdict,
    VerdictKind,
    VersionRef,
)
from harness.records.report_json import from_json, schema, to_json
from harness.reporting.terminal.report import Layout, render
from harness.reporting.wording.notes import judge_notes, recorded_notes
from tests.reporting import example_reports as examples

FIGURES = (Aggregate("word_perplexity", 91.73, 78.52), Aggregate("bits_per_byte", 1.3061, None))
RECORD = BaselineRecord("released", "r1", "2026-11-24T16:03:12Z", 55, 2, 1, 3, 4)


def measured(name="prose"):
    return replace(examples.regressed(), id=f"suites/test_it.py::{name}", unit="nats/word", aggregates=FIGURES)


def test_they_are_kept_in_report_json_and_follow_its_schema():
    document = to_json(examples.report(measured()))
    jsonschema.validate(document, schema())
    assert from_json(document).evaluations[0].aggregates == FIGURES


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


def estimate(value: float) -> Estimate:
    return Estimate(value, 0.03, value - 0.05, value + 0.06, "t")


def judged(number: int = 1, **summary: object) -> Verdict:
    name = f"suites/evaluation/test_it.py::test_{number}"
    return examples.verdict(identity=name, judges=(JudgeSummary("small", 800, **summary),))


def test_a_judge_of_which_there_is_nothing_to_know_is_not_mentioned() -> None:
    assert judge_notes([judged(), examples.verdict()], "utf-8") == []


def test_answers_that_followed_no_form_are_counted_over_all_evaluations() -> None:
    assert judge_notes([judged(1, n_malformed=10), judged(2, n_malformed=2)], "utf-8") == [
        "judge small: 12 of 1,600 answers did not follow the form or scale asked for"
    ]


def test_an_error_tells_of_them_by_itself() -> None:
    broken = replace(judged(n_malformed=10), verdict=VerdictKind.ERROR, errors=("judge small: 10 of 800 …",))
    assert judge_notes([broken], "utf-8") == []


def test_noise_flips_and_bias_are_told_with_their_intervals() -> None:
    assert judge_notes([judged(noise=0.123, flip=estimate(0.2), first_wins=estimate(0.6))], "utf-8") == [
        "judge small varies by 0.12 on one answer (standard deviation of its repeats)",
        "judge small: the order of the answers changed 0.20 [0.15, 0.26] of its preferences, and the one shown first "
        "won 0.60 [0.55, 0.66]",
    ]


def test_of_several_evaluations_each_is_named_and_the_rest_counted() -> None:
    notes = judge_notes([judged(number, noise=0.1) for number in range(1, 6)], "utf-8")
    assert [f"test_{number}" in note for number, note in enumerate(notes[:3], 1)] == [True] * 3
    assert notes[3] == "how the judges of 2 further evaluations agree with themselves is in report.json"


def test_the_header_says_who_judged() -> None:
    report = replace(examples.red(), judges=(VersionRef("strict", "f1"), VersionRef("mild", "f2")))
    assert "judged by strict, mild" in " ".join("\n".join(render(report, Layout(width=60))).split())
    assert "judged by" not in "\n".join(render(examples.red(), Layout(width=60)))
