"""What `steelyard compare` shows of a comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from harness.gate.history.comparison import Comparison, ComparisonOptions, compare
from harness.records import ScoringRule
from harness.records.report_json import plain, schema
from harness.reporting.shared.grid import Ready, folded
from harness.reporting.shared.text import cells
from harness.reporting.terminal.comparison import Compared, comparison_report, facts, notes
from harness.reporting.terminal.report import Layout, render
from harness.store import Store
from tests.decisions.observations import replace
from tests.gate.stored import Scored, run, side
from tests.reporting.example_reports import HOSTILE

pytestmark = pytest.mark.service

RIGHT, WRONG = [1.0] * 5, [0.0] * 5
CAPITALS = "suites/foundation/test_facts.py::test_capitals"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


def shown(comparison: Comparison, width: int = 80) -> list[str]:
    report = comparison_report(comparison)
    table = map(Ready, render(report, Layout(width=width), changes=report.changes))
    return list(folded([*table, *facts(comparison)], width))


def one_run(store: Store, n_changes: int = 10) -> Comparison:
    """Both versions of a run: of 40 cases 12 fell and 1 rose."""
    ours = {f"case {number:02}": WRONG if number < 12 else RIGHT for number in range(40)}
    theirs = {case: WRONG if case == "case 39" else RIGHT for case in ours}
    candidate = run(store, "r1", Scored(CAPITALS, ours, theirs))
    return compare(store, candidate, side(store, "r1", "baseline"), ComparisonOptions(n_changes=n_changes))


def two_runs(store: Store, **asked: str) -> Comparison:
    """The candidates of two runs, which have an evaluation in common and four of its cases."""
    ours = {"a": RIGHT, "b": RIGHT, "c": RIGHT, "d": RIGHT, "mine": RIGHT}
    theirs = {"a": RIGHT, "b": RIGHT, "c": RIGHT, "d": RIGHT, "theirs": RIGHT, "also": RIGHT}
    first = run(store, "r1", Scored(CAPITALS, ours), Scored("x.py::test_mine", ours), names={"candidate": "new"})
    second = run(
        store,
        "r2",
        Scored(CAPITALS, theirs, prompts=asked),
        Scored("x.py::test_theirs", ours),
        names={"candidate": "old"},
    )
    return compare(store, first, second)


def test_the_table_is_a_gates_and_below_it_stands_what_was_compared(store: Store) -> None:
    lines = shown(one_run(store, n_changes=2), 110)
    text = "\n".join(lines)
    assert "  candidate small   against large   confidence 0.95" in text
    assert "x regressed     foundation/test_capitals" in text
    assert "                case 00   5/5 -> 0/5" in text
    assert 'was  "[-baseline-] on case 00, 0"\n                is   "{+candidate+} on case 00, 0"' in text
    assert lines[0] == "RED: 1 regressed"
    assert lines[-3:] == [
        "cases   27 stable, 0 flaky, 1 improved, 12 worsened; 2 of the 13 that moved are shown (--cases shows more)",
        "runs    small, candidate of run r1",
        "        large, baseline of the same run",
    ]


def test_every_case_that_moved_may_be_shown_with_the_gains_last(store: Store) -> None:
    lines = shown(one_run(store, n_changes=20), 100)
    moved = [line for line in lines if " -> " in line and "/5" in line]
    assert len(moved) == 13
    assert "case 39   0/5 -> 5/5" in moved[-1]
    assert "cases   27 stable, 0 flaky, 1 improved, 12 worsened" in lines


def test_where_neither_side_is_better_the_cases_that_moved_are_different(store: Store) -> None:
    compared = one_run(store, n_changes=20)
    same = tuple(replace(verdict, aim="same") for verdict in compared.report.evaluations)
    lines = shown(replace(compared, report=replace(compared.report, evaluations=same)), 100)
    assert "cases   27 stable, 0 flaky, 13 different" in lines


def test_what_was_left_out_is_said(store: Store) -> None:
    comparison = two_runs(store)
    assert notes(comparison) == [
        "left out, since the candidate alone has scores of it: test_mine",
        "left out, since the baseline alone has scores of it: test_theirs",
        "foundation/test_capitals: left out 1 case that the candidate alone has and 2 cases that the baseline alone "
        "has",
    ]
    lines = shown(comparison)
    assert "        old, candidate of run r2" in lines
    assert sum(line.startswith("note    ") for line in lines) == 4  # the default margin's as well


def test_cases_asked_in_other_words_are_named_and_where_all_are_the_versions_may_be_why(store: Store) -> None:
    assert notes(two_runs(store, a="A?", c="C?"))[-1] == (
        "foundation/test_capitals: asked in other words in 2 of 4 cases, such as 'a': they or the test may have changed"
    )


def test_where_all_cases_were_asked_in_other_words_the_versions_may_be_why(store: Store) -> None:
    assert notes(two_runs(store, a="A?", b="B?", c="C?", d="D?"))[-1] == (
        "foundation/test_capitals: every case was asked in other words: templates of the versions, the cases or the "
        "test differ"
    )


def test_many_notes_of_one_kind_are_cut_short(store: Store) -> None:
    ours = {"a": RIGHT, "b": RIGHT}
    first = run(store, "r1", *(Scored(f"x.py::test_{i}", ours) for i in range(9)), names={"candidate": "new"})
    second = run(store, "r2", *(Scored(f"x.py::test_{i}", {"a": RIGHT}) for i in range(5)), names={"candidate": "old"})
    assert notes(compare(store, first, second)) == [
        "left out, since the candidate alone has scores of it: test_5, test_6, test_7 and 1 more",
        *(f"test_{i}: left out 1 case that the candidate alone has" for i in range(3)),
        "and so for 2 more evaluations",
    ]


def test_a_run_that_stopped_early_is_said_to_be_weighed_as_it_was_or_why_not(store: Store) -> None:
    rule = {"design": "sequential"}
    ours = {f"c{number}": WRONG for number in range(40)}
    candidate = run(store, "r1", Scored(CAPITALS, ours, dict.fromkeys(ours, RIGHT), rule=rule))
    (note,) = notes(compare(store, candidate, side(store, "r1", "baseline")))
    assert note.startswith("foundation/test_capitals: weighed as it was run, in the order drawn")
    turned = dict(reversed(ours.items()))
    other = run(store, "r2", Scored(CAPITALS, turned, dict.fromkeys(turned, RIGHT), rule=rule))
    (note,) = notes(compare(store, candidate, other))
    assert note.startswith("foundation/test_capitals: sampled until it was decided, but they drew their cases in")


def test_metrics_count_their_cases_each(store: Store) -> None:
    comparison = one_run(store)
    report = replace(comparison.report, evaluations=comparison.report.evaluations * 2)
    lines = shown(replace(comparison, report=report), 120)
    assert any("12 worsened, counted for each metric" in line for line in lines)


def test_what_to_do_next_is_for_who_compares(store: Store) -> None:
    lines = shown(one_run(store))
    assert not any("--lf" in line for line in lines)
    broken = Scored(CAPITALS, {"a": RIGHT}, {"a": RIGHT}, rule={"errors": ("no answer",)})
    comparison = compare(store, run(store, "r2", broken), side(store, "r2", "baseline"))
    lines = shown(comparison)
    assert "next    run the gate again that ended in errors: completed samples are kept (an" in lines
    (step,) = Compared(comparison).as_json()["steps"]
    assert step["why"].startswith("run the gate again that ended in errors: ")


def test_json_has_the_shape_of_a_report_and_what_was_compared(store: Store) -> None:
    document = plain(Compared(one_run(store)).as_json())
    jsonschema.validate(document, schema())
    json.dumps(document, allow_nan=False)
    compared = document["comparison"]
    version = {"name": "small", "fingerprint": "f-small", "model": None, "answered_as": [], "n_documents": None}
    version |= {"commit": None, "printed_lines": 0}
    assert compared["candidate"] == {"run_id": "r1", "role": "candidate", **version}
    assert compared["baseline"]["role"] == "baseline"
    assert compared["cases"] == {"stable": 27, "flaky": 0, "improved": 1, "worsened": 12, "moved": 13}
    assert compared["evaluations"][0]["n_cases"] == 40
    assert compared["notes"] == []


def test_nothing_that_was_stored_moves_the_cursor_or_leaves_the_width(store: Store) -> None:
    ours = {HOSTILE: WRONG, "b": RIGHT}
    first = run(store, "r1", Scored(CAPITALS, ours), names={"candidate": HOSTILE})
    theirs = {HOSTILE: RIGHT, "b": RIGHT, "c": RIGHT}
    second = run(store, "r2", Scored(CAPITALS, theirs, prompts={HOSTILE: "?"}), names={"candidate": "old"})
    comparison = compare(store, first, second)
    for width in (30, 80):
        lines = shown(comparison, width)
        assert all(cells(line) <= width and line.isprintable() for line in lines)
    jsonschema.validate(plain(Compared(comparison).as_json()), schema())
    assert "\ud800" not in str(json.loads(json.dumps(plain(Compared(comparison).as_json()))))


def test_scores_of_other_judges_are_a_note(store: Store) -> None:
    cases = {"a": RIGHT, "b": RIGHT}
    sides = [
        run(store, name, Scored(CAPITALS, cases, judged_by=ScoringRule((name,), "rubric")), names={"candidate": name})
        for name in ("new", "old")
    ]
    (note,) = [text for text in notes(compare(store, *sides)) if "judge" in text]
    assert note.startswith(
        "foundation/test_capitals: other judges or rubrics gave the scores of one run than of the other"
    )
