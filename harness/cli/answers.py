"""What the store holds of one case: every answer of a run, with its scores and the reasons for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import SettingsError, choices
from harness.gate.stored_runs import find
from harness.records import Request, Sample, ScoreRow
from harness.reporting.answers import quoted, shown_reason
from harness.reporting.text import pad, printable
from harness.scoring.results import METRIC

if TYPE_CHECKING:
    from harness.store import RunInfo, Store

_MOST_ANSWER_CELLS = 2000
_MOST_CELLS = 400
_MOST_NAMED = 50
_INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One body of a run: what it was answered, and the scores that it gave, by metric.

    `sample` and `request` are None where the body asked the version nothing, or the answer was pruned since.
    """

    evaluation_id: str
    role: str
    version: str
    sample_index: int
    rows: dict[str, ScoreRow] = field(default_factory=dict)
    sample: Sample | None = None
    request: Request | None = None


def find_answers(store: Store, case_id: str, run_name: str | None) -> tuple[RunInfo, list[StoredAnswer]]:
    """The answers of a case in a run, by evaluation, version (the candidate first) and sample.

    Args:
        run_name: as `steelyard compare` takes it; None for the newest run that has scores of the case.

    Raises:
        SettingsError: there is no such run, or it has no such case.
    """
    runs = store.runs()
    chosen = list(reversed(runs)) if run_name is None else [find(runs, run_name).run]
    if not chosen:
        raise SettingsError(f"The store {store.url} holds no run yet.")
    for run in chosen:
        rows = [row for each in store.score_sets(run.run_id) for row in store.scores_of(each, [case_id])]
        if rows:
            return run, _answers(store, run, rows)
    raise SettingsError(f"Run {chosen[0].run_id}: {_unknown(case_id, store, chosen[0])}")


def _unknown(case_id: str, store: Store, run: RunInfo) -> str:
    sets = store.score_sets(run.run_id)
    known = {printable(each) for score_set in sets for each in store.score_array(score_set).case_ids}
    if len(known) > _MOST_NAMED:
        return f"No case named {case_id!r} among {len(known):,}, such as {', '.join(sorted(known)[:5])}."
    return choices("case", case_id, known)


def _answers(store: Store, run: RunInfo, rows: Sequence[ScoreRow]) -> list[StoredAnswer]:
    samples = store.find({row.sample_key for row in rows if row.sample_key is not None})
    requests = {key: store.request(key) for key in samples}
    found: dict[tuple[str, str, int], StoredAnswer] = {}
    for row in rows:
        version = run.spec.get(row.role, {})
        index = int(version.get("first_index", 0)) + row.sample_index
        place = (row.evaluation_id, row.role, row.sample_index)
        if place not in found:
            found[place] = StoredAnswer(
                evaluation_id=row.evaluation_id,
                role=row.role,
                version=version.get("name", row.fingerprint[:12]),
                sample_index=row.sample_index,
                sample=samples.get(row.sample_key or b"", {}).get(index),
                request=requests.get(row.sample_key or b""),
            )
        found[place].rows[row.metric] = row
    return sorted(found.values(), key=lambda each: (each.evaluation_id, each.role != "candidate", each.sample_index))


def answers_json(run: RunInfo, case_id: str, answers: Sequence[StoredAnswer]) -> dict[str, Any]:
    """The answers for machines, whole."""
    return {
        "run_id": run.run_id,
        "created": run.created,
        "case": case_id,
        "answers": [
            {
                "evaluation_id": each.evaluation_id,
                "role": each.role,
                "version": each.version,
                "sample_index": each.sample_index,
                "scores": {metric: row.value for metric, row in each.rows.items()},
                "outcome": next(iter(each.rows.values())).outcome,
                "reasons": {metric: row.reason for metric, row in each.rows.items() if row.reason is not None},
                "asked": None if each.request is None else _asked(each.request),
                "answer": None if each.sample is None else each.sample.text,
                "finish_reason": None if each.sample is None else each.sample.finish_reason,
            }
            for each in answers
        ],
    }


def answer_lines(run: RunInfo, answers: Sequence[StoredAnswer], encoding: str) -> Iterator[str]:
    """The answers for people: harmless in a terminal, a line each, the reasons below."""
    yield f"run {run.run_id}   {printable(run.created, encoding=encoding)}"
    evaluation = version = ""
    size = max(len(_scores(each)) for each in answers)
    for each in answers:
        if each.evaluation_id != evaluation:
            evaluation, version = each.evaluation_id, ""
            yield from ("", printable(evaluation, encoding=encoding))
        if each.role != version:
            version = each.role
            yield f"  {version} {printable(each.version, 60, encoding=encoding)}"
            if each.request is not None:
                yield f"{_INDENT}asked  {printable(_asked(each.request), _MOST_CELLS, encoding=encoding)}"
        text = quoted(None if each.sample is None else each.sample.text, _MOST_ANSWER_CELLS, encoding)
        head = f"{_INDENT}{each.sample_index:>5}  {pad(_scores(each), size)}  "
        cut = "  (cut at max_tokens)" if each.sample is not None and each.sample.truncated else ""
        yield f"{head}{text}{cut}"
        for reason in dict.fromkeys(row.reason for row in each.rows.values() if row.reason):
            yield " " * len(head) + shown_reason(reason, _MOST_CELLS, encoding)


def _scores(answer: StoredAnswer) -> str:
    """Its scores, with the names of their metrics where it has more than the one without a name."""
    told = [
        ("" if metric == METRIC else f"{printable(metric, 30)} ")
        + (f"{row.value:.4g}" if row.value is not None else row.outcome)
        for metric, row in answer.rows.items()
    ]
    return "  ".join(told)


def _asked(request: Request) -> str:
    """What a version was asked, as text: the raw prompt or the last message, and the continuation that was weighed."""
    content = request.messages[-1].get("content") if request.messages else request.prompt or ""
    return (content if isinstance(content, str) else json.dumps(content)) + (request.continuation or "")
