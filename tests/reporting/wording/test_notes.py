"""What is said of judges, recordings, kept shares and figures over all cases."""

from __future__ import annotations

import io
from dataclasses import replace

import jsonschema
import pytest

from harness.records import (
    Aggregate,
    BaselineRecord,
    Estimate,
    JudgeSummary,
    Note,
    NoteKind,
    Report,
    StoredAnswers,
    Verdict,
    VerdictKind,
    VersionRef,
)
from harness.records.report_json import from_json, schema, to_json
from harness.reporting.junit import write_junit
from harness.reporting.markdown.report import markdown
from harness.reporting.shared.figures import plural
from harness.reporting.terminal.report import Layout, headline, render
from harness.reporting.wording.notes import judge_notes, with_notes
from tests.reporting import example_reports as examples

FIGURES = (Aggregate("word_perplexity", 91.73, 78.52), Aggregate("bits_per_byte", 1.3061, None))
KINDS = (VerdictKind.PASSED, VerdictKind.REGRESSED)
RECORD = BaselineRecord("released", "r1", "2026-11-24T16:03:12Z", 55, 2, 1, 3, 4)


def measured(name="prose"):
    return replace(examples.regressed(), id=f"suites/test_it.py::{name}", unit="nats/word", aggregates=FIGURES)


def test_they_are_kept_in_report_json_and_follow_its_schema():
    document = to_json(examples.report(measured()))
    jsonschema.validate(document, schema())
    assert from_json(document).evaluations[0].aggregates == FIGURES


def told(report: Report, kind: NoteKind) -> list[str]:
    return [note.text for note in with_notes(replace(report, notes=())).notes if note.kind == kind]


def test_notes_stand_in_the_same_order_however_often_they_are_made():
    version = VersionRef("small", "f", model="a", answered_as=("b",))
    own = (Note("suite", "of the suite"), Note("draws", "of draws"), Note("problem", "it broke"))
    report = with_notes(replace(examples.green(), candidate=version, notes=own))
    assert [note.kind for note in report.notes][:4] == ["problem", "version", "draws", "suite"]
    assert with_notes(report) == report


def test_a_comment_counts_the_notes_that_it_does_not_show():
    notes = tuple(Note("problem", f"problem {number}") for number in range(9))
    told = markdown(replace(examples.green(), notes=notes))
    assert "- problem 5\n- and 3 more notes in the report\n" in told
    assert "more note" not in markdown(replace(examples.green(), notes=notes[:6]))


def test_cases_without_a_pair_are_told_of_what_passed():
    passed, red = (replace(examples.verdict(kind), baseline_record=RECORD) for kind in (*KINDS,))
    whole = replace(examples.verdict(), baseline_record=BaselineRecord("released", "r1", "x", 5, 0, 0, 0, 0))
    some = [replace(each, id=f"a.py::test_{number}") for number, each in enumerate([passed, passed, red, whole])]
    assert told(examples.report(*some), "recording") == [
        "what passed was weighed against the recorded scores of 115 cases; of others 4 changed, 2 new, 6 gone",
        "8 cases of what passed were asked otherwise when recorded",
    ]
    assert told(examples.report(red, replace(whole, id="b.py::b")), "recording") == []


def test_each_version_that_answered_under_another_name_is_told_once():
    served = VersionRef("served", "f" * 32, "m", ("other", "third"))
    report = replace(examples.report(), candidate=served, baseline=served, judges=(served,))
    (note,) = told(report, "version")
    assert note.startswith("served: asked for m, the endpoint says that other and third answered")
    assert from_json(to_json(report)).candidate == served


def test_what_an_application_printed_is_told_with_the_way_to_it():
    noisy = VersionRef("bot", "f" * 32, printed_lines=1)
    assert told(replace(examples.report(), candidate=noisy), "version") == [
        "bot printed 1 line: pytest --log-cli-level DEBUG shows what it prints"
    ]
    assert told(examples.report(), "version") == []


@pytest.mark.parametrize(("newest", "days"), [("2026-11-20", "2026-11-20"), ("2026-11-26", "2026-11-20 to 2026-11-26")])
def test_an_endpoint_that_was_not_asked_is_told_with_the_days_of_its_answers(newest: str, days: str):
    report = replace(examples.green(), from_store=StoredAnswers("endpoint", "2026-11-20", newest))
    assert headline(from_json(to_json(report))) == f"GREEN: 12 passed (endpoint not asked: answers of {days})"


def test_every_format_tells_the_notes_and_each_follows_the_schema():
    hostile = Note("problem", "no table '\x1b[31mruns'", examples.CAPITALS)
    report = replace(examples.red(1), notes=(hostile, Note("draws", "2 answers are older"), Note("ranges", "as read")))
    document = to_json(report)
    jsonschema.validate(document, schema())
    assert from_json(document).notes == report.notes
    stream = io.StringIO()
    write_junit(report, stream)
    for shown in ("\n".join(render(report)), markdown(report)):
        assert "2 answers are older" in shown
        assert "as read" in shown
    for shown in ("\n".join(render(report)), markdown(report), stream.getvalue()):
        assert "no table" in shown
        assert "\x1b" not in shown


def estimate(value: float) -> Estimate:
    return Estimate(value, 0.03, value - 0.05, value + 0.06, "t")


def judged(number: int = 1, **summary: object) -> Verdict:
    name = f"suites/evaluation/test_it.py::test_{number}"
    return examples.verdict(identity=name, judges=(JudgeSummary("small", 800, **summary),))


def test_a_judge_of_which_there_is_nothing_to_know_is_not_mentioned() -> None:
    assert judge_notes([judged(), examples.verdict()]) == []


def test_answers_that_followed_no_form_are_counted_over_all_evaluations() -> None:
    assert judge_notes([judged(1, n_malformed=10), judged(2, n_malformed=2)]) == [
        "judge small: 12 of 1,600 answers did not follow the form or scale asked for"
    ]


def test_an_error_tells_of_them_by_itself() -> None:
    broken = replace(judged(n_malformed=10), verdict=VerdictKind.ERROR, errors=("judge small: 10 of 800 …",))
    assert judge_notes([broken]) == []


def test_noise_flips_and_bias_are_told_with_their_intervals() -> None:
    assert judge_notes([judged(noise=0.123, flip=estimate(0.2), first_wins=estimate(0.6))]) == [
        "judge small varies by 0.12 on one answer (standard deviation of its repeats)",
        "judge small: the order of the answers changed 0.20 [0.15, 0.26] of its preferences, and the one shown first "
        "won 0.60 [0.55, 0.66]",
    ]


def test_of_several_evaluations_each_is_named_and_the_rest_counted() -> None:
    notes = judge_notes([judged(number, noise=0.1) for number in range(1, 6)])
    assert [f"test_{number}" in note for number, note in enumerate(notes[:3], 1)] == [True] * 3
    assert notes[3] == "how the judges of 2 further evaluations agree with themselves is in report.json"


def test_the_header_says_who_judged() -> None:
    report = replace(examples.red(), judges=(VersionRef("strict", "f1"), VersionRef("mild", "f2")))
    assert "judged by strict, mild" in " ".join("\n".join(render(report, Layout(width=60))).split())
    assert "judged by" not in "\n".join(render(examples.red(), Layout(width=60)))


def test_what_passed_without_being_weighed_against_the_anchor_is_counted():
    """Its reason says why; a large suite shows no reasons of what passed."""
    report = replace(examples.green(), baseline=VersionRef("main", "f-main"), anchor=VersionRef("v1", "f-v1"))
    texts = [note.text for note in with_notes(report).notes]
    n = len({each.id for each in report.evaluations})
    assert f"{plural(n, 'evaluation')} passed without being weighed against the anchor" in texts
    assert not any("the anchor" in note.text for note in with_notes(replace(report, anchor=None)).notes)
