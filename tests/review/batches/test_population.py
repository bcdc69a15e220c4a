"""Items that can be drawn of a run: answers, and pairs of them."""

from dataclasses import replace

import pytest

from harness.errors import SettingsError
from harness.records import NewSample, Request, Sample, ScoreRow, Shown
from harness.records.review import Form, Item
from harness.review.batches.draws import JudgedCases, subject_of
from harness.review.batches.population import ReviewPlan
from harness.store import RunInfo, Store
from tests.review import runs
from tests.review.conftest import PAIR, SCALE
from tests.review.runs import EVALUATION
from tests.store.rows import key_of

pytestmark = pytest.mark.service


def found_in(store: Store, run: RunInfo, form: Form) -> tuple[JudgedCases, dict[str, Item]]:
    """What can be drawn, and the items by their cases."""
    found = subject_of(store, run, ReviewPlan(EVALUATION, "score", form), "uncertain")
    return found, {case: item for (case, _), item in found.populations[0].items.items()}


def test_which_version_comes_first_is_random_and_always_the_same(store: Store) -> None:
    """Else the order would tell reviewers, and readers of an export, whose answer they judge."""
    run = runs.add_run(store, n_cases=200)
    items, again = (
        store.review.items(runs.add_batch(store, run, SCALE, roles=("candidate", "baseline"), n_items=120).id)
        for _ in range(2)
    )
    versions = [item.answers[0].version for item in items]
    assert versions == [item.answers[0].version for item in again]
    assert [(item.draw or {})["version"] for item in items] == [["small", "large"].index(str(v)) for v in versions]
    assert 0.3 < versions[::2].count("small") / len(versions[::2]) < 0.7
    for first, second in zip(items[::2], items[1::2], strict=True):
        assert (first.case_id, first.probability) == (second.case_id, second.probability)
        assert {first.answers[0].version, second.answers[0].version} == {"small", "large"}


def test_pairs_are_candidate_and_baseline_of_one_case(store: Store) -> None:
    found, items = found_in(store, runs.add_run(store), PAIR)
    assert (len(found.cases), found.left_out) == (30, {})
    for case, item in items.items():
        assert [answer.version for answer in item.answers] == ["small", "large"]
        number = int(case.removeprefix("case-"))
        if number % 10 != 9:
            assert [answer.text for answer in item.answers] == [f"candidate says {number}", f"baseline says {number}"]
        assert item.judge_score == (0.5 if number % 3 == 2 else 0.0)


def test_answers_that_are_not_stored_are_told(store: Store) -> None:
    run = runs.add_run(store)
    store.prune(fingerprints=["f0"])
    with pytest.raises(SettingsError, match=r"nothing of .* can be reviewed: 30 without a stored answer"):
        found_in(store, run, SCALE)


def test_a_measure_is_nothing_to_ask_people_about(store: Store) -> None:
    run = runs.add_run(store)
    store.add_scores(run.run_id, [replace(row, metric="words", value=25.0) for row in store.scores(run.run_id)])
    with pytest.raises(SettingsError, match="25 is a measure, not a score"):
        subject_of(store, run, ReviewPlan(EVALUATION, "words", SCALE), "uncertain")


def test_a_run_without_a_baseline_has_no_pairs(store: Store) -> None:
    store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add_scores("r1", [ScoreRow(EVALUATION, "score", "candidate", "f0", "case-0", 0, 1.0)])
    store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    with pytest.raises(SettingsError, match=r"has no baseline, .* run the gate with --baseline"):
        found_in(store, store.runs()[0], PAIR)


def test_a_pair_that_a_judge_compared_is_what_it_was_shown_whichever_stood_first(store: Store) -> None:
    """Its scores are the candidate's alone: 1, 0.5 or 0 for the preference."""
    run = runs.add_run(store, compares=True)
    store.prune(fingerprints=["f1"])
    found, items = found_in(store, run, PAIR)
    assert (len(found.cases), found.left_out) == (30, {})
    for case, item in items.items():
        number = int(case.removeprefix("case-"))
        if number % 10 != 9:
            assert [answer.text for answer in item.answers] == [f"candidate says {number}", f"baseline says {number}"]
        assert [answer.version for answer in item.answers] == ["small", "large"]
        assert item.judge_score == (number % 3) / 2
    turned = [
        replace(row, metric="turned", shown=Shown(compared=row.shown.compared[::-1]))
        for row in store.scores(run.run_id)
        if row.shown is not None
    ]
    store.add_scores(run.run_id, turned)
    again = subject_of(store, run, ReviewPlan(EVALUATION, "turned", PAIR), "uncertain").populations[0].items
    assert {case: item.answers for (case, _), item in again.items()} == {
        case: item.answers for case, item in items.items()
    }


def test_without_another_answer_there_is_no_pair(store: Store) -> None:
    run = runs.add_run(store, compares=True)
    alone = [replace(row, metric="alone", shown=None) for row in store.scores(run.run_id)]
    store.add_scores(run.run_id, alone)
    with pytest.raises(SettingsError, match="30 without a partner"):
        subject_of(store, run, ReviewPlan(EVALUATION, "alone", PAIR), "uncertain")


def test_pairs_of_conversations_begin_with_what_they_share_and_each_answer_has_its_own_turns(store: Store) -> None:
    _, items = found_in(store, runs.add_run(store, in_turns=True), PAIR)
    item = items["case-1"]
    assert item.messages == ({"role": "user", "content": "Hi"},)
    assert [answer.text for answer in item.answers] == [
        f"assistant: {role} here.\n\nuser: Summarise passage 1.\n\nassistant: {role} says 1"
        for role in ("candidate", "baseline")
    ]


def test_single_answers_of_a_conversation_come_with_its_turns(store: Store) -> None:
    _, items = found_in(store, runs.add_run(store, in_turns=True), SCALE)
    item = items["case-0"]
    assert [message["role"] for message in item.messages] == ["user", "assistant", "user"]


def test_an_answer_comes_with_what_an_application_did_before_it(store: Store) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
    asked = ({"role": "user", "content": "Money back!"},)
    new = ({"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "121 euros"})
    sample = Sample("Done.", messages=(*asked, *new), tool_calls=(call,))
    store.begin_run("r1", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add([NewSample(key_of("q"), "f0", 0, Request(messages=asked), sample)])
    row = ScoreRow(EVALUATION, "score", "candidate", "f0", "case-0", 0, 1.0, sample_key=key_of("q"))
    store.add_scores("r1", [row])
    store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    item = found_in(store, store.runs()[0], SCALE)[1]["case-0"]
    assert item.messages == (*asked, *new)
    assert [(answer.text, answer.calls_from) for answer in item.answers] == [("Done.", None)]


def test_conversations_that_a_judge_compared_are_pairs_with_their_own_turns(store: Store) -> None:
    itself = found_in(store, runs.add_run(store, in_turns=True, compares=True), PAIR)[1]["case-3"]
    apart = found_in(store, runs.add_run(store, "another", in_turns=True), PAIR)[1]["case-3"]
    assert (itself.messages, [each.text for each in itself.answers]) == (
        apart.messages,
        [each.text for each in apart.answers],
    )


SHOWN = Shown((("passage", "passage 1"), ("source", "a book")), "right")


def test_reviewers_see_the_reference_and_the_fields_that_the_prompt_lacks(store: Store) -> None:
    run = runs.add_run(store, shown=lambda number, _: SHOWN if number == 1 else None)
    for form in (SCALE, PAIR):
        _, items = found_in(store, run, form)
        assert items["case-1"].reference == "right"
        prompt = {"role": "user", "content": "Summarise passage 1."}
        assert items["case-1"].messages == (prompt, {"role": "source", "content": "a book"})
        assert (items["case-2"].reference, len(items["case-2"].messages)) == (None, 1)


def test_what_an_item_lacks_does_not_tell_which_version_answered(store: Store) -> None:
    run = runs.add_run(store, shown=lambda _, role: SHOWN if role == "candidate" else None)
    plan = ReviewPlan(EVALUATION, "score", SCALE, ("candidate", "baseline"))
    for population in subject_of(store, run, plan, "uncertain").populations:
        assert {item.reference for item in population.items.values()} == {"right"}
        assert {item.messages[-1]["role"] for item in population.items.values()} == {"source"}
