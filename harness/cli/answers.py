"""Finds what the store holds of one case: every answer of a run, with its scores and the reasons for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import SettingsError, choices
from harness.gate.history.answers import StoredAnswer, answers_of_case, turns_of
from harness.gate.history.runs import find_version
from harness.records import Request, Sample
from harness.records.tool_calls import turns_in_words, with_calls
from harness.reporting.shared.answers import quoted, shown_reason
from harness.reporting.shared.text import pad, printable
from harness.scoring.results import METRIC

if TYPE_CHECKING:
    from harness.store import RunInfo, Store

_MOST_ANSWER_CELLS = 2000
_MOST_CELLS = 400
_MOST_NAMED = 50
_MOST_TURNS = 12
_INDENT = " " * 4


def find_answers(store: Store, case_id: str, run_name: str | None) -> tuple[RunInfo, list[StoredAnswer]]:
    """The answers of a case in a run, by evaluation, version (the candidate first) and sample.

    Args:
        run_name: as `steelyard compare` takes it; None for the newest run that has scores of the case.

    Raises:
        SettingsError: there is no such run, or it has no such case.
    """
    runs = store.runs()
    chosen = list(reversed(runs)) if run_name is None else [find_version(runs, run_name).run]
    if not chosen:
        raise SettingsError(f"The store {store.url} holds no run yet.")
    for run in chosen:
        found = answers_of_case(store, run, case_id)
        if found:
            return run, found
    newest = next((run for run in chosen if store.score_sets(run.run_id)), chosen[0])
    raise SettingsError(f"Run {newest.run_id}: {_unknown(case_id, store, newest)}")


def _unknown(case_id: str, store: Store, run: RunInfo) -> str:
    sets = store.score_sets(run.run_id)
    known = {printable(each) for score_set in sets for each in store.score_array(score_set).case_ids}
    if len(known) > _MOST_NAMED:
        return f"No case named {case_id!r} among {len(known):,}, such as {', '.join(sorted(known)[:5])}."
    return choices("case", case_id, known)


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
                **({"system": system} if (system := _system(each)) else {}),
                "asked": None if each.request is None else _asked(each.request),
                "answer": None if each.sample is None else each.sample.text,
                "finish_reason": None if each.sample is None else each.sample.finish_reason,
                **({} if each.sample is None else _told(each.sample)),
                **({"messages": turns} if (turns := turns_of(each.request, each.sample)) else {}),
                **({"earlier": [_told(answer) for answer in each.earlier]} if each.earlier else {}),
            }
            for each in answers
        ],
    }


def _told(sample: Sample) -> dict[str, Any]:
    """Collect what an application told beside its text, by field."""
    names = ("tool_calls", "context", "messages", "cost", "metadata")
    return {name: value for name in names if (value := getattr(sample, name)) is not None}


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
            if system := _system(each):
                yield f"{_INDENT}system {printable(system, _MOST_CELLS, encoding=encoding)}"
            if each.request is not None:
                yield f"{_INDENT}asked  {printable(_asked(each.request), _MOST_CELLS, encoding=encoding)}"
        text = quoted(_said(each), _MOST_ANSWER_CELLS, encoding)
        head = f"{_INDENT}{each.sample_index:>5}  {pad(_scores(each), size)}  "
        cut = "  (cut at max_tokens)" if each.sample is not None and each.sample.truncated else ""
        yield f"{head}{text}{cut}"
        yield from (" " * len(head) + line for line in _beside(each, encoding))
        for reason in dict.fromkeys(row.reason for row in each.rows.values() if row.reason):
            yield " " * len(head) + shown_reason(reason, _MOST_ANSWER_CELLS, encoding)


def _beside(answer: StoredAnswer, encoding: str) -> Iterator[str]:
    """What an answer came with: the turns before it, the last ones of many, and what an application told."""
    turns = turns_of(answer.request, answer.sample)[:-1]
    if len(turns) > _MOST_TURNS:
        yield f"{len(turns) - _MOST_TURNS:,} turns before these: --json has them all"
    for turn in turns[-_MOST_TURNS:]:
        yield printable(turns_in_words([turn]), _MOST_CELLS, encoding=encoding)
    told = {} if answer.sample is None else _told(answer.sample)
    if "context" in told:
        told["from"] = ", ".join(str(passage["id"]) for passage in told["context"]) or "nothing"
    if "cost" in told:
        told["cost"] = f"{told['cost']:.4g}"
    if "metadata" in told:
        told["metadata"] = json.dumps(told["metadata"], ensure_ascii=False, default=str)
    for name in ("from", "cost", "metadata"):
        if name in told:
            yield f"{name}  {printable(told[name], _MOST_ANSWER_CELLS, encoding=encoding)}"


def _said(answer: StoredAnswer) -> str | None:
    """What is said, with the tools that are called in the same breath; those before it are turns of their own."""
    turns = turns_of(answer.request, answer.sample)
    if answer.sample is None or not turns:
        return None if answer.sample is None else answer.sample.said
    return with_calls(answer.sample.text, turns[-1].get("tool_calls"))


def _scores(answer: StoredAnswer) -> str:
    """Its scores, with the names of their metrics where it has more than the one without a name."""
    told = [
        ("" if metric == METRIC else f"{printable(metric, 30)} ")
        + (f"{row.value:.4g}" if row.value is not None else row.outcome)
        for metric, row in answer.rows.items()
    ]
    return "  ".join(told)


def _system(answer: StoredAnswer) -> str:
    """Give the system text of what was asked once; "" for none, and for a conversation, whose turns have it."""
    if answer.request is None or turns_of(answer.request, answer.sample):
        return ""
    messages = answer.request.messages
    return "\n".join(_text(each.get("content")) for each in messages if each.get("role") in ("system", "developer"))


def _asked(request: Request) -> str:
    """Give as text what was asked: the raw prompt or the user's last message, and the continuation weighed."""
    asked = request.user_turns or [message.get("content") for message in request.messages]
    return _text(asked[-1] if asked else request.prompt or "") + (request.continuation or "")


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)
