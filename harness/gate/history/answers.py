"""The answers of a stored run, each with the scores that it was given: for those who show, export or log them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from harness.gate.evaluations.examples import SHOWN
from harness.records import Change, Request, Role, Sample, ScoreRow, answer_turns, together
from harness.records.keys import KeyedQuestion, request_text
from harness.records.tool_calls import turns_in_words, with_calls, words_of
from harness.scoring.judging.prompts import unfenced
from harness.store import RunInfo, ScoreSet, Store

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One body of a run: what it was answered, and the scores that it gave.

    Attributes:
        version: the name of the version that it ran for.
        sample_index: which of the case's repeated samples.
        rows: its scores, by metric; of a body that was skipped or broke, the one row that says so.
        sample, request: the last answer that it drew from that version, and what was asked; None where it asked
            nothing, or the answer was pruned since. Of a conversation the sample has what all answers took and read,
            and the request the calls of each.
        earlier: the answers of a conversation before the last one, as they were drawn.
    """

    evaluation_id: str
    case_id: str
    role: Role
    version: str
    sample_index: int
    rows: Mapping[str, ScoreRow] = field(default_factory=dict)
    sample: Sample | None = None
    request: Request | None = None
    earlier: tuple[Sample, ...] = ()


class AnswerSource(NamedTuple):
    """The run and role that have a version's answers; its sample 0 is the stored sample of this first index."""

    run_id: str
    role: Role
    first_index: int


def answers_of_run(
    store: Store, run: RunInfo, only: Mapping[str, Collection[str]] | None = None
) -> Iterator[StoredAnswer]:
    """All answers of a run: evaluations as they were first scored, in them by case, version (the candidate first) and
    sample. Some thousand scores are read at a time, so that memory does not grow with the run.

    Args:
        only: the cases wanted of each evaluation; none of an evaluation that it does not have.
    """
    by_evaluation: dict[str, list[ScoreSet]] = {}
    for each in store.score_sets(run.run_id):
        if only is None or each.evaluation_id in only:
            by_evaluation.setdefault(each.evaluation_id, []).append(each)
    rows: list[ScoreRow] = []
    for evaluation_id, sets in by_evaluation.items():
        for row in store.scores_of(sets, None if only is None else only[evaluation_id]):
            if len(rows) >= _ROWS_AT_ONCE and _place(row) != _place(rows[-1]):
                yield from _answers(store, run, rows)
                rows = []
            rows.append(row)
    yield from _answers(store, run, rows)


def answers_of_case(store: Store, run: RunInfo, case_id: str) -> list[StoredAnswer]:
    """The answers to one case, by evaluation, version (the candidate first) and sample."""
    return _answers(store, run, sorted(store.scores_of(store.score_sets(run.run_id), [case_id]), key=_place))


def _place(row: ScoreRow) -> tuple[str, str]:
    return row.evaluation_id, row.case_id


def _answers(store: Store, run: RunInfo, rows: Sequence[ScoreRow]) -> list[StoredAnswer]:
    keys = {row.sample_key for row in rows if row.sample_key is not None}
    samples, requests = (store.find(keys), store.requests(keys)) if keys else ({}, {})
    before = {each.sample_key: _answers_before(each, requests.get(each.sample_key or b"")) for each in rows}
    if earlier := {key for places in before.values() for keys in places.values() for key in keys}:
        samples = {**samples, **store.find(earlier)}
    evaluations = {name: place for place, name in enumerate(dict.fromkeys(row.evaluation_id for row in rows))}
    places: dict[tuple[str, str, Role, int], dict[str, ScoreRow]] = {}
    for row in rows:
        places.setdefault((row.evaluation_id, row.case_id, row.role, row.sample_index), {})[row.metric] = row
    answers = []
    for (evaluation_id, case_id, role, index), by_metric in places.items():
        version: Mapping[str, Any] = run.spec.get(role) or {}
        row = next(iter(by_metric.values()))
        key, name = row.sample_key or b"", version.get("name", row.fingerprint[:12])
        drawn, request = int(version.get("first_index", 0)) + index, requests.get(key)
        turns_before = [
            (place, answer)
            for place, keys in before[row.sample_key].items()
            if (answer := next((samples[each][drawn] for each in keys if drawn in samples.get(each, {})), None))
        ]
        sample, turns = samples.get(key, {}).get(drawn), tuple(answer for _, answer in turns_before)
        if sample is not None and request is not None and turns_before:
            sample, request = together([*turns, sample]), _with_calls(request, turns_before)
        answers.append(StoredAnswer(evaluation_id, case_id, role, name, index, by_metric, sample, request, turns))
    answers.sort(
        key=lambda each: (evaluations[each.evaluation_id], each.case_id, each.role != "candidate", each.sample_index)
    )
    return answers


def _answers_before(row: ScoreRow, request: Request | None) -> dict[int, list[bytes]]:
    """The place of each answer among the turns of a conversation, and the keys that it may have, the newest first.

    What was asked for it are the turns before it; a question's key is known by what is asked and the case.
    """
    if request is None or row.sample_key is None:
        return {}
    newest, places = int.from_bytes(row.sample_key[-4:], "big"), {}
    for place, turn in enumerate(request.messages):
        if turn.get("role") == "assistant":
            text = request_text(row.fingerprint, replace(request, messages=request.messages[:place]))
            question = KeyedQuestion(text, 0, row.case_id)
            places[place] = [question.key(generation) for generation in range(newest, -1, -1)]
    return places


def _with_calls(request: Request, answers: Sequence[tuple[int, Sample]]) -> Request:
    """The request with the calls that its turns made and nobody answered, which an engine is not asked with."""
    turns = list(request.messages)
    for place, answer in answers:
        if answer.tool_calls and answer.messages is None:
            turns[place] = {"tool_calls": list(answer.tool_calls), **turns[place]}
    return replace(request, messages=tuple(turns))


def with_answers(
    store: Store,
    changes: Sequence[Change],
    sources: Mapping[Role, AnswerSource],
    lower: Collection[tuple[str, str]] = (),
) -> list[Change]:
    """Changes with an answer of each version: of a drop the candidate's worst and the baseline's best, of a gain the
    other way round; of equal ones the commonest, then the first; what was asked, and how many samples of each gave that
    answer.

    Args:
        lower: the evaluations and metrics of which less is better.
    """
    cases: dict[str, set[str]] = defaultdict(set)
    for each in changes:
        cases[each.evaluation_id].add(each.case_id)
    drawn: dict[tuple[int, Role], list[ScoreRow]] = {}
    for role, source in sources.items() if changes else ():
        rows: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
        sets = [
            own for own in store.score_sets(source.run_id) if own.role == source.role and own.evaluation_id in cases
        ]
        for row in store.scores_of(sets, set().union(*cases.values())):
            rows[_place(row)].append(row)
        for number, each in enumerate(changes):
            is_lower = (each.evaluation_id, each.metric) in lower
            is_gain = each.baseline not in (None, each.candidate) and (each.candidate > each.baseline) != is_lower
            sign = -1 if (is_gain == (role == "candidate")) != is_lower else 1
            known = [row for row in rows[each.evaluation_id, each.case_id] if row.is_of(each.metric)]
            scored = [(sign * row.value, row.sample_index, row) for row in known if row.value is not None]
            if scored:
                drawn[number, role] = [row for *_, row in sorted(scored, key=lambda one: one[:2])]
    keys = {row.sample_key for own in drawn.values() for row in own if row.sample_key is not None}
    samples, requests = store.find(keys), store.requests(keys)
    shown_changes = list(changes)
    for (number, role), own in drawn.items():
        first = sources[role].first_index
        keyed = [(row.sample_key or b"", first + row.sample_index) for row in own]
        answers = [_shown(requests.get(key), samples.get(key, {}).get(index)) for key, index in keyed]
        as_far = sum(row.value == own[0].value for row in own)  # sorted: those that score like the first
        typical = max(range(as_far), key=lambda at: 0 if answers[at] is None else answers[:as_far].count(answers[at]))
        answer, why = answers[typical], own[typical].why
        shown = {
            f"{role}_answer": answer,
            f"{role}_reason": why and why[:SHOWN],
            f"{role}_same": 0 if answer is None else answers.count(answer),
        }
        if role == "candidate" and answer is not None:
            shown["question"] = _asked(requests.get(own[typical].sample_key or b""))
        shown_changes[number] = replace(shown_changes[number], **shown)  # type: ignore[arg-type]
    return shown_changes


def _asked(request: Request | None) -> str | None:
    """The start of the last thing that was asked, of a judge what it was shown; None where nothing is known."""
    if request is None:
        return None
    turn = next((each for each in reversed(request.messages) if each.get("role") == "user"), None)
    return unfenced(request.prompt or "" if turn is None else words_of(turn))[:SHOWN] or None


def _shown(request: Request | None, sample: Sample | None) -> str | None:
    """As much of an answer as is shown; of a conversation its last turns, which scores are mostly about."""
    if sample is None or sample.loglikelihood is not None:
        return None
    if not (turns := turns_of(request, sample)):
        return with_calls(sample.text, sample.tool_calls)[:SHOWN]
    text = turns_in_words([each for each in turns if each.get("role") not in ("system", "developer")])
    return text if len(text) <= SHOWN else f"…{text[1 - SHOWN :]}"


def turns_of(request: Request | None, sample: Sample | None) -> list[Mapping[str, Any]]:
    """The turns of a conversation, its answer the last; none of what was asked once."""
    if sample is None or request is None:
        return []
    turns = [*request.messages, *answer_turns(request.messages, sample)]
    is_asked_once = not sample.messages and all(each.get("role") != "assistant" for each in turns[:-1])
    return [] if is_asked_once else turns
