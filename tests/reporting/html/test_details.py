"""What the files beside the page tell of single cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.gate.history.answers import answers_of_run
from harness.records import Change, NewSample, Request, Sample, ScoreRow, ScoringRule
from harness.reporting.html import write_html
from harness.reporting.html.details import FOLDER, write_details
from harness.review import Queue
from harness.review.labels import labels_of_run
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages
from tests.review import runs
from tests.review.conftest import SCALE
from tests.store.rows import key_of


def test_each_body_is_told_with_its_answer_scores_and_reasons(store: Store, tmp_path: Path) -> None:
    scored = Scored(candidate={"peru": [1.0, 0.5]}, baseline={"peru": [1.0, 1.0]}, prompts={"peru": "Capital?"})
    (case,) = pages.details(pages.page(store, tmp_path, scored))
    assert case["evaluation"] == scored.id
    assert case["case"] == "peru"
    assert case["asked"] == [[{"role": "user", "text": "Capital?"}]]
    assert [(body["role"], body["sample"], body["answer"], body["asked"]) for body in case["bodies"]] == [
        ("candidate", 0, "candidate on peru, 0", 0),
        ("candidate", 1, "candidate on peru, 1", 0),
        ("baseline", 0, "baseline on peru, 0", 0),
        ("baseline", 1, "baseline on peru, 1", 0),
    ]
    assert case["bodies"][1]["scores"] == [{"metric": "score", "value": 0.5, "reason": "why 1"}]


def test_skipped_and_broken_bodies_are_told(store: Store, tmp_path: Path) -> None:
    scored = Scored(candidate={"peru": ["skipped", 1.0], "chad": ["error", 1.0], "fiji": [1.0]})
    path = pages.page(store, tmp_path, scored)
    outcomes = {case["case"]: case["bodies"][0]["scores"][0].get("outcome") for case in pages.details(path)}
    assert outcomes == {"chad": "error", "fiji": None, "peru": "skipped"}
    (entry,) = pages.data(path)["evaluations"]
    ended = {each["id"]: each.get("ended") for each in (*entry["cases"], *entry["others"])}
    assert ended == {"chad": "error", "fiji": None, "peru": "skipped"}


def test_the_judge_is_named(store: Store, tmp_path: Path) -> None:
    scored = Scored(candidate={"peru": [0.5]}, judged_by=ScoringRule(("f-strict", "f-unknown-one"), "rubric"))
    side = stored.run(store, "r1", scored)
    report = replace(side.report, judges=(replace(side.report.candidate, name="strict", fingerprint="f-strict"),))
    (case,) = pages.details(write_html(store, side.weighed.run, report, tmp_path))
    assert case["bodies"][0]["scores"][0]["judge"] == "strict, f-unknown-on"


def test_a_pruned_answer_leaves_its_score(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1.0]}))
    store.prune(fingerprints=["f-small"])
    (case,) = pages.details(pages.page_of(store, side, tmp_path))
    assert case["asked"] == []
    assert case["bodies"] == [
        {"role": "candidate", "sample": 0, "scores": [{"metric": "score", "value": 1.0, "reason": "why 0"}]}
    ]


def test_what_people_said_stands_with_the_answer_that_it_is_of(store: Store, tmp_path: Path) -> None:
    run = runs.add_run(store)
    runs.add_batch(store, run, SCALE, roles=("candidate", "baseline"), n_items=8)
    queue = Queue(store)
    queue.add_reviewer("ann", "annotator")
    given = {}
    for number in range(3):
        view = queue.next("ann")
        assert view is not None
        queue.label("ann", view.lease_id, number + 1, key=f"k{number}", note=f"note {number}")
        item = store.review.item(view.item.id)
        given[item.case_id, item.answers[0].version, item.answers[0].sample_index] = (number + 1, f"note {number}")
    report = stored.run(store, "another", pages.rivers()).report
    write_details(
        answers_of_run(store, run), labels_of_run(store, run.run_id), replace(report, run_id=run.run_id), tmp_path
    )
    names = {"candidate": "small", "baseline": "large"}
    found = {}
    for case in pages.cases_in(tmp_path, run.run_id):
        for body in case["bodies"]:
            for label in body.get("labels", ()):
                found[case["case"], names[body["role"]], body["sample"]] = (label["value"], label["note"])
                assert (label["by"], label["metric"]) == ("ann", "score")
    assert found == given


def test_what_an_application_did_before_it_answered_stands_above_the_answer(store: Store, tmp_path: Path) -> None:
    call = {"id": "c1", "function": {"name": "look_up", "arguments": "{}"}}
    asked = {"role": "user", "content": "Which day?"}
    new = ({"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "Monday"})
    sample = Sample("It is Monday.", messages=(asked, *new), tool_calls=(call,))
    store.begin_run("r1", "2026-11-24T16:15:00Z", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add([NewSample(key_of("q"), "f0", 0, Request(messages=(asked,)), sample)])
    store.add_scores("r1", [ScoreRow("t.py::t", "score", "candidate", "f0", "day", 0, 1.0, sample_key=key_of("q"))])
    side = stored.run(store, "r2", pages.rivers())
    (run, _) = store.runs()
    (case,) = pages.details(write_html(store, run, replace(side.report, run_id="r1"), tmp_path))
    assert case["asked"] == [
        [
            {"role": "user", "text": "Which day?"},
            {"role": "assistant", "text": "tool call: look_up({})"},
            {"role": "tool", "text": "Monday"},
        ]
    ]
    (body,) = case["bodies"]
    assert (body["answer"], "calls" in body) == ("It is Monday.", False)


def test_questions_raw_texts_and_tool_calls_are_shown_as_text(store: Store, tmp_path: Path) -> None:
    store.begin_run("r1", "2026-11-24T16:15:00Z", {"candidate": {"name": "small", "fingerprint": "f0"}})
    parts = [{"type": "text", "text": "Look"}]
    asked = [
        Request(messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": parts})),
        Request(kind="loglikelihood", prompt="The capital is", continuation=" Lima"),
    ]
    call = {"id": "c1", "function": {"name": "look_up", "arguments": "{}"}}
    drawn = [
        Sample("", 0, "tool_calls", tool_calls=(call,), reasoning="Let me see.", completion_tokens=7, latency_s=0.25),
        Sample("", 1, loglikelihood=float("-inf"), context=({"id": "hours", "text": "At nine."},), cost=0.25),
    ]
    for number, (request, sample) in enumerate(zip(asked, drawn, strict=True)):
        key = key_of(f"q{number}")
        store.add([NewSample(key, "f0", 0, request, sample)])
        row = ScoreRow("t.py::t", "score", "candidate", "f0", "peru", number, 1.0, sample_key=key)
        store.add_scores("r1", [row])
    side = stored.run(store, "r2", pages.rivers())
    (run, _) = store.runs()
    (case,) = pages.details(write_html(store, run, replace(side.report, run_id="r1"), tmp_path))
    assert case["asked"] == [
        [
            {"role": "system", "text": "Be brief."},
            {"role": "user", "text": '{"role": "user", "content": [{"type": "text", "text": "Look"}]}'},
        ],
        [{"role": "prompt", "text": "The capital is"}, {"role": "weighed", "text": " Lima"}],
    ]
    first, second = case["bodies"]
    assert (first["answer"], first["finish"], first["tokens"], first["latency_s"]) == ("", "tool_calls", 7, 0.25)
    assert first["reasoning"] == "Let me see."
    assert first["calls"] == [{"name": "look_up", "arguments": "{}"}]
    assert "loglikelihood" not in second
    assert (second["context"], second["cost"]) == ([{"id": "hours", "text": "At nine."}], 0.25)
    assert not {"context", "cost"} & set(first)


def test_a_very_large_run_has_details_of_its_first_cases(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", Scored(candidate={f"case-{number}": [1.0, 1.0] for number in range(9)}))
    answers = answers_of_run(store, side.weighed.run)
    written = write_details(answers, (), side.report, tmp_path, most_bodies=5)
    assert [case["case"] for case in pages.cases_in(tmp_path, "r1")] == ["case-0", "case-1", "case-2"]
    assert (written.n_bodies, written.is_cut) == (6, True)
    answers = answers_of_run(store, side.weighed.run)
    assert not write_details(answers, (), side.report, tmp_path, most_bodies=18).is_cut


def test_the_cases_to_look_at_and_the_worst_come_first(store: Store, tmp_path: Path) -> None:
    wrong = {f"case-{number}" for number in range(120, 170)}
    scored = Scored(candidate={f"case-{n}": [float(f"case-{n}" not in wrong)] * 2 for n in range(100, 200)})
    side = stored.run(store, "r1", scored)
    change = Change(scored.id, "case-199", "score", 0.5, None, 2, None, None)
    write_html(store, side.weighed.run, replace(side.report, changes=(change,)), tmp_path)
    cases = [case["case"] for case in pages.cases_in(tmp_path / FOLDER, "r1")]
    assert set(cases[:51]) == {*wrong, "case-199"}
    assert len(cases) == len(set(cases)) == 100
