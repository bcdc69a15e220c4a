"""Finds what the store holds of one case: every answer of a run, with its scores and the reasons for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import SettingsError, choices
from harness.gate.history.answers import StoredAnswer, answers_of_case, turns_of
from harness.gate.history.runs import find_version
from harness.records.tool_calls import turns_in_words, with_calls
from harness.reporting.shared.cases import on_one_line, quoted
from harness.reporting.shared.text import Block, pad, printable
from harness.scoring.results import METRIC

if TYPE_CHECKING:
    from harness.records import Sample
    from harness.store import RunInfo, Store

_MOST_ANSWER_CELLS = 2000
_MOST_CELLS = 400
_MOST_NAMED = 50
_MOST_TURNS = 12
_INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class CaseAnswers:
    """The answers to a case in a run, whole, by evaluation, version (the candidate first) and sample."""

    run_id: str
    created: str
    case: str
    answers: tuple[Mapping[str, Any], ...]


def find_answers(store: Store, case_id: str, run_name: str | None) -> CaseAnswers:
    """The answers of a case in a run.

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
        if found := answers_of_case(store, run, case_id):
            return CaseAnswers(run.run_id, run.created, case_id, tuple(map(_row, found)))
    newest = next((run for run in chosen if store.score_sets(run.run_id)), chosen[0])
    raise SettingsError(f"Run {newest.run_id}: {_unknown(case_id, store, newest)}")


def _unknown(case_id: str, store: Store, run: RunInfo) -> str:
    sets = store.score_sets(run.run_id)
    known = {printable(each) for score_set in sets for each in store.score_array(score_set).case_ids}
    if len(known) > _MOST_NAMED:
        return f"No case named {case_id!r} among {len(known):,}, such as {', '.join(sorted(known)[:5])}."
    return choices("case", case_id, known)


def _row(each: StoredAnswer) -> dict[str, Any]:
    sample, request, turns = each.sample, each.request, turns_of(each.request, each.sample)
    row: dict[str, Any] = {
        "evaluation_id": each.evaluation_id,
        "role": each.role,
        "version": each.version,
        "sample_index": each.sample_index,
        "scores": {metric: row.value for metric, row in each.rows.items()},
        "outcome": (first := next(iter(each.rows.values()))).outcome,
        "reasons": {metric: row.why for metric, row in each.rows.items() if row.why is not None},
    }
    row |= {} if first.assertion is None else {"assertion": first.assertion}
    if request is not None and not turns:  # the turns of a conversation have it
        parts = [part.get("content") for part in request.messages if part.get("role") in ("system", "developer")]
        row |= {"system": "\n".join(map(_text, parts))} if any(map(_text, parts)) else {}
    asked = None
    if request is not None:  # the raw prompt or the user's last message, and the continuation weighed
        said = request.user_turns or [message.get("content") for message in request.messages]
        asked = _text(said[-1] if said else request.prompt or "") + (request.continuation or "")
    row |= {"asked": asked, "answer": sample and sample.text, "finish_reason": sample and sample.finish_reason}
    row |= {} if sample is None else _told(sample)
    row |= {"messages": turns} if turns else {}
    return row | ({"earlier": [_told(answer) for answer in each.earlier]} if each.earlier else {})


def _told(sample: Sample) -> dict[str, Any]:
    """What an application told beside its text, by field."""
    names = ("tool_calls", "context", "messages", "cost", "metadata")
    return {name: value for name in names if (value := getattr(sample, name)) is not None}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)


def view(found: CaseAnswers) -> Iterator[Block]:
    """A line for each answer, the reasons below it."""
    yield f"run {found.run_id}   {found.created}"
    evaluation = version = ""
    size = max(len(_scores(each)) for each in found.answers)
    for each in found.answers:
        if each["evaluation_id"] != evaluation:
            evaluation, version = each["evaluation_id"], ""
            yield from ("", evaluation)
        if each["role"] != version:
            version = each["role"]
            yield f"  {version} {printable(each['version'], 60)}"
            for label, text in (("system", each.get("system")), ("asked ", each["asked"])):
                yield from [f"{_INDENT}{label} {printable(text, _MOST_CELLS)}"] if text is not None else []
        head = f"{_INDENT}{each['sample_index']:>5}  {pad(_scores(each), size)}  "
        said = each["answer"]
        if said is not None:  # with the tools that are called in the same breath; those before are turns of their own
            said = with_calls(said, [*each.get("messages", [each])][-1].get("tool_calls"))
        cut = "  (cut at max_tokens)" if each["finish_reason"] == "length" else ""
        yield f"{head}{quoted(said, _MOST_ANSWER_CELLS, 'utf-8')}{cut}"
        reasons = (
            on_one_line(reason, _MOST_ANSWER_CELLS, "utf-8") for reason in dict.fromkeys(each["reasons"].values())
        )
        yield from (" " * len(head) + line for line in (*_beside(each), *filter(None, reasons)))


def _beside(answer: Mapping[str, Any]) -> Iterator[str]:
    """What an answer came with: the turns before it, the last ones of many, and what an application told."""
    turns = answer.get("messages", ())[:-1]
    if len(turns) > _MOST_TURNS:
        yield f"{len(turns) - _MOST_TURNS:,} turns before these: --json has them all"
    yield from (printable(turns_in_words([turn]), _MOST_CELLS) for turn in turns[-_MOST_TURNS:])
    if "context" in answer:
        yield f"from  {', '.join(str(passage['id']) for passage in answer['context']) or 'nothing'}"
    if "cost" in answer:
        yield f"cost  {answer['cost']:.4g}"
    if "metadata" in answer:
        told = json.dumps(answer["metadata"], ensure_ascii=False, default=str)
        yield f"metadata  {printable(told, _MOST_ANSWER_CELLS)}"


def _scores(answer: Mapping[str, Any]) -> str:
    """Its scores, with the names of their metrics where it has more than the one without a name."""
    return "  ".join(
        ("" if metric == METRIC else f"{printable(metric, 30)} ")
        + (f"{value:.4g}" if answer["outcome"] == "scored" else answer["outcome"])
        for metric, value in answer["scores"].items()
    )
