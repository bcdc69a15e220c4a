"""Answers of a stored run, with what was asked and the scores that they were given."""

from __future__ import annotations

from harness.gate.history.answers import AnswerSource, answers_of_case, answers_of_run, turns_of, with_answers
from harness.records import Change, NewSample, Request, Role, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored
from tests.store.rows import draw, score

TEST = "suites/test_capitals.py::test_capitals"
OTHER = "suites/test_rivers.py::test_rivers"


def test_each_body_is_told_with_its_answer_by_case_version_and_sample(store: Store) -> None:
    capitals = Scored(candidate={"peru": [1, 0], "chad": ["failed"]}, baseline={"peru": [1, 1], "chad": ["error"]})
    side = stored.run(store, "r1", capitals, Scored(OTHER, candidate={"nile": ["skipped"]}))
    found = list(answers_of_run(store, side.weighed.run))
    assert [(each.evaluation_id, each.case_id, each.role, each.sample_index) for each in found] == [
        (TEST, "chad", "candidate", 0),
        (TEST, "chad", "baseline", 0),
        (TEST, "peru", "candidate", 0),
        (TEST, "peru", "candidate", 1),
        (TEST, "peru", "baseline", 0),
        (TEST, "peru", "baseline", 1),
        (OTHER, "nile", "candidate", 0),
    ]
    assert [each.rows["score"].outcome for each in found[:2]] == ["failed", "error"]
    assert found[3].sample is not None
    assert found[3].sample.text == stored.answer("candidate", "peru", 1)
    assert found[3].request is not None
    assert found[3].request.messages == ({"role": "user", "content": "peru"},)
    assert (found[3].version, found[4].version) == ("small", "large")


def test_a_version_against_itself_has_answers_of_its_own_in_either_role(store: Store) -> None:
    names = {"candidate": "small", "baseline": "small"}
    side = stored.run(store, "r1", Scored(candidate={"peru": [1]}, baseline={"peru": [1]}), names=names)
    ours, theirs = answers_of_run(store, side.weighed.run)
    assert ours.sample is not None
    assert theirs.sample is not None
    assert (ours.sample.text, theirs.sample.text) == ("candidate on peru, 0", "baseline on peru, 0")


def test_one_case_is_told_over_all_evaluations(store: Store) -> None:
    side = stored.run(store, "r1", Scored(OTHER, candidate={"peru": [1]}), Scored(candidate={"peru": [0], "chad": [1]}))
    found = answers_of_case(store, side.weighed.run, "peru")
    assert [(each.evaluation_id, each.rows["score"].value) for each in found] == [(TEST, 0.0), (OTHER, 1.0)]


def test_an_answer_that_was_pruned_leaves_its_scores(store: Store) -> None:
    side = stored.run(store, "r1", Scored(candidate={"peru": [1]}))
    store.prune(fingerprints=["f-small"])
    (found,) = answers_of_run(store, side.weighed.run)
    assert (found.sample, found.request, found.rows["score"].value) == (None, None, 1.0)


SOURCES: dict[Role, AnswerSource] = {
    "candidate": AnswerSource("r1", "candidate", 0),
    "baseline": AnswerSource("r1", "baseline", 0),
}


def with_one(store: Store, answer: str, reason: str = "why", **sample: object) -> Change:
    """A case whose candidate answered so, as it is shown."""
    store.begin_run("r1", "2026-11-24T16:03:12Z", {"candidate": {"name": "small", "fingerprint": "f0"}})
    drawn = draw("peru", answer, **sample)
    store.add([drawn])
    row = score("peru", value=0.0, reason=reason, sample_key=drawn.key)
    store.add_scores("r1", [row])
    change = Change(row.evaluation_id, "peru", row.metric, 0.0, None, 1, None, None)
    (shown,) = with_answers(store, [change], SOURCES)
    return shown


def test_long_answers_and_reasons_are_shown_by_their_start(store: Store) -> None:
    shown = with_one(store, "a" * 10_000, "w" * 10_000)
    assert (shown.candidate_answer, shown.candidate_reason, shown.baseline_answer) == ("a" * 400, "w" * 400, None)


def test_of_answers_that_score_alike_the_commonest_is_shown(store: Store) -> None:
    said = {
        ("candidate", "peru"): ["Odd.", "Lima.", "So.", "So.", "Hm."],
        ("baseline", "peru"): ["A", "B", "B", "A", "A"],
    }
    scored = Scored(candidate={"peru": [0, 1, 0, 0, 0]}, baseline={"peru": [1, 1, 1, 0, 1]}, says=said)
    stored.run(store, "r1", scored)
    (shown,) = with_answers(store, [Change(TEST, "peru", "score", 0.2, 0.8, 5, 5, None)], SOURCES)
    assert (shown.candidate_answer, shown.candidate_same) == ("So.", 2)
    assert (shown.baseline_answer, shown.baseline_same) == ("A", 3)


def test_of_a_conversation_the_last_turns_are_shown(store: Store) -> None:
    said = ("user", "peru"), ("assistant", "a" * 500), ("user", "And now?"), ("assistant", "Hello.")
    turns = tuple({"role": role, "content": text} for role, text in said)
    answer = with_one(store, "Hello.", messages=turns).candidate_answer
    assert answer is not None
    assert (len(answer), answer[0], answer[-8:]) == (400, "…", ": Hello.")


def test_what_a_judge_was_asked_is_shown_without_its_fence(store: Store) -> None:
    code = "0123456789abcdef"
    asked = f"The code is {code}.\n\n[begin answer {code}]\nLima.\n[end answer {code}]\n\nJudge. The code was {code}."
    stored.run(store, "r1", Scored(candidate={"peru": [0]}, prompts={"peru": asked}))
    (shown,) = with_answers(store, [Change(TEST, "peru", "score", 0.0, None, 1, None, None)], SOURCES)
    assert shown.question == "answer: Lima."


def test_a_likelihood_is_no_answer_and_has_its_reason(store: Store) -> None:
    shown = with_one(store, "", loglikelihood=-3.0)
    assert (shown.candidate_answer, shown.candidate_reason) == (None, "why")


def test_a_run_that_is_not_in_the_store_has_no_answers(store: Store) -> None:
    change = Change(TEST, "peru", "score", 0.0, 1.0, 1, None, None)
    assert with_answers(store, [change], SOURCES) == [change]


def test_what_each_turn_of_a_conversation_cost_called_and_read_is_told(store: Store) -> None:
    hi, now = {"role": "user", "content": "Hi"}, {"role": "user", "content": "And now?"}
    call = {"type": "function", "function": {"name": "find", "arguments": "{}"}}
    said = (
        Sample("One.", cost=0.25, tool_calls=(call,), context=({"id": "a", "text": "A"},), prompt_tokens=3),
        Sample("Two.", cost=0.5, context=({"id": "b", "text": "B"},), prompt_tokens=5),
    )
    asked = ((hi,), (hi, {"role": "assistant", "content": "One."}, now))
    requests = [Request(messages=messages, sampling={"seed": 7}) for messages in asked]
    keys = [KeyedQuestion(request_text("f0", request), 0, "peru").key(2) for request in requests]
    store.begin_run("r1", "2026-11-24T16:03:12Z", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add(
        [NewSample(key, "f0", 2, *each) for key, each in zip(keys, zip(requests, said, strict=True), strict=True)]
    )
    store.add_scores("r1", [score("peru", value=1.0, sample_key=keys[1])])
    (found,) = answers_of_case(store, store.runs()[0], "peru")
    assert found.sample is not None
    assert (found.sample.text, found.sample.cost, found.sample.prompt_tokens) == ("Two.", 0.75, 8)
    assert [passage["id"] for passage in found.sample.context or ()] == ["a", "b"]
    assert [(each.cost, each.tool_calls) for each in found.earlier] == [(0.25, (call,))]
    assert found.request is not None
    assert turns_of(found.request, found.sample)[1]["tool_calls"] == [call]
