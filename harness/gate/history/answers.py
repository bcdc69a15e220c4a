"""The answers of a stored run, each with the scores that it was given: for those who show, export or log them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from harness.gate.evaluations.examples import SHOWN
from harness.gate.evaluations.score_table import names_of
from harness.records import Change, Request, Role, Sample, ScoreRow, answer_turns
from harness.records.tool_calls import turns_in_words
from harness.store import RunInfo, ScoreSet, Store

_CASES_AT_ONCE, _ROWS_AT_ONCE = 100, 1000


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One body of a run: what it was answered, and the scores that it gave.

    Attributes:
        version: the name of the version that it ran for.
        sample_index: which of the case's repeated samples.
        rows: its scores, by metric; of a body that was skipped or broke, the one row that says so.
        sample, request: the last answer that it drew from that version, and what was asked; None where it asked
            nothing, or the answer was pruned since.
    """

    evaluation_id: str
    case_id: str
    role: Role
    version: str
    sample_index: int
    rows: Mapping[str, ScoreRow] = field(default_factory=dict)
    sample: Sample | None = None
    request: Request | None = None


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
        every = {case for each in sets for case in store.cases_of(each)} if only is None else only[evaluation_id]
        cases = sorted(every)
        for start in range(0, len(cases), _CASES_AT_ONCE):
            rows += [row for each in sets for row in store.scores_of(each, cases[start : start + _CASES_AT_ONCE])]
            if len(rows) >= _ROWS_AT_ONCE:
                yield from _answers(store, run, rows)
                rows = []
    yield from _answers(store, run, rows)


def answers_of_case(store: Store, run: RunInfo, case_id: str) -> list[StoredAnswer]:
    """The answers to one case, by evaluation, version (the candidate first) and sample."""
    rows = (row for each in store.score_sets(run.run_id) for row in store.scores_of(each, [case_id]))
    return _answers(store, run, sorted(rows, key=lambda each: each.evaluation_id))


def _answers(store: Store, run: RunInfo, rows: Sequence[ScoreRow]) -> list[StoredAnswer]:
    keys = {row.sample_key for row in rows if row.sample_key is not None}
    samples, requests = (store.find(keys), store.requests(keys)) if keys else ({}, {})
    evaluations = {name: place for place, name in enumerate(dict.fromkeys(row.evaluation_id for row in rows))}
    places: dict[tuple[str, str, Role, int], dict[str, ScoreRow]] = {}
    for row in rows:
        places.setdefault((row.evaluation_id, row.case_id, row.role, row.sample_index), {})[row.metric] = row
    found = []
    for (evaluation_id, case_id, role, index), by_metric in places.items():
        version: Mapping[str, Any] = run.spec.get(role) or {}
        row = next(iter(by_metric.values()))
        key, name = row.sample_key or b"", version.get("name", row.fingerprint[:12])
        sample = samples.get(key, {}).get(int(version.get("first_index", 0)) + index)
        found.append(StoredAnswer(evaluation_id, case_id, role, name, index, by_metric, sample, requests.get(key)))
    found.sort(
        key=lambda each: (evaluations[each.evaluation_id], each.case_id, each.role != "candidate", each.sample_index)
    )
    return found


def with_answers(
    store: Store,
    changes: Sequence[Change],
    sources: Mapping[Role, AnswerSource],
    lower: Collection[tuple[str, str]] = (),
) -> list[Change]:
    """Changes with an answer of each version: of a drop the candidate's worst and the baseline's best, of a gain the
    other way round; of equal ones the first.

    Args:
        lower: the evaluations and metrics of which less is better.
    """
    cases: dict[str, set[str]] = defaultdict(set)
    for each in changes:
        cases[each.evaluation_id].add(each.case_id)
    chosen: dict[tuple[int, Role], ScoreRow] = {}
    for role, source in sources.items() if changes else ():
        rows: dict[tuple[str, str, str], list[ScoreRow]] = defaultdict(list)
        for own in store.score_sets(source.run_id):
            if own.role == source.role and own.evaluation_id in cases:
                for row in store.scores_of(own, cases[own.evaluation_id]):
                    rows[row.evaluation_id, row.case_id, row.metric].append(row)
        for number, each in enumerate(changes):
            is_lower = (each.evaluation_id, each.metric) in lower
            is_gain = each.baseline not in (None, each.candidate) and (each.candidate > each.baseline) != is_lower
            sign = -1 if (is_gain == (role == "candidate")) != is_lower else 1
            known = [row for name in names_of(each.metric) for row in rows[each.evaluation_id, each.case_id, name]]
            scored = [(sign * row.value, row.sample_index, row) for row in known if row.value is not None]
            if scored:
                chosen[number, role] = min(scored, key=lambda one: one[:2])[2]
    keys = {row.sample_key for row in chosen.values() if row.sample_key is not None}
    samples, requests = store.find(keys), store.requests(keys)
    found = list(changes)
    for (number, role), row in chosen.items():
        key = row.sample_key or b""
        drawn = samples.get(key, {}).get(sources[role].first_index + row.sample_index)
        shown = {
            f"{role}_answer": _shown(requests.get(key), drawn),
            f"{role}_reason": row.reason and row.reason[:SHOWN],
        }
        found[number] = replace(found[number], **shown)  # type: ignore[arg-type]
    return found


def _shown(request: Request | None, sample: Sample | None) -> str | None:
    """As much of an answer as is shown; of a conversation its last turns, which scores are mostly about."""
    if sample is None or sample.loglikelihood is not None:
        return None
    if not (turns := turns_of(request, sample)):
        return sample.said[:SHOWN]
    text = turns_in_words([each for each in turns if each.get("role") not in ("system", "developer")])
    return text if len(text) <= SHOWN else f"…{text[1 - SHOWN :]}"


def turns_of(request: Request | None, sample: Sample | None) -> list[Mapping[str, Any]]:
    """The turns of a conversation, its answer the last; none of what was asked once."""
    if sample is None or request is None:
        return []
    turns = [*request.messages, *answer_turns(request.messages, sample)]
    is_asked_once = not sample.messages and all(each.get("role") != "assistant" for each in turns[:-1])
    return [] if is_asked_once else turns
