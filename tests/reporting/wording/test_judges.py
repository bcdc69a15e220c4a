from __future__ import annotations

from dataclasses import replace

from harness.records import Estimate, JudgeSummary, Verdict, VerdictKind, VersionRef
from harness.reporting.terminal.report import Layout, render
from harness.reporting.wording.judges import judge_notes
from tests.reporting import example_reports as examples


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
