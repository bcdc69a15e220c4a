"""Chooses the failures of a run that become traces, and gives them as plain data.

The rest is in the table of samples: a trace costs MLflow some 20 ms, a row of the table a few µs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, zip_longest
from typing import Any

from harness.gate.history.answers import StoredAnswer, answers_of_run
from harness.records import Request, ScoreRow
from harness.store import RunInfo, Store
from harness.tracking.fields import text

_PASSING = 0.5
"""The least score that is no failure where an evaluation has no threshold."""
_LONGEST_TEXT = 20_000
"""Characters of a prompt or an answer in a trace; the whole is in the table of samples."""

Plain = dict[str, Any]


def choose_traces(
    store: Store, run: RunInfo, report: Mapping[str, Any], names: Mapping[str, str], most: int
) -> tuple[list[Plain], int]:
    """A trace of the candidate's first failure in each case that failed, and how many such cases have none.

    Evaluations come in turn, of each what broke and then the largest drops first.

    Args:
        report: of the run, as report.json has it.
        names: of evaluations by id, as a reader knows them.
        most: how many.
    """
    entries: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    for entry in report["evaluations"]:
        entries.setdefault((text(entry["id"]), None), entry)
        entries[text(entry["id"]), text(entry["metric"])] = entry
    failures: dict[str, dict[str, ScoreRow]] = {}
    for row in store.scores(run.run_id):
        own = entries.get((text(row.evaluation_id), text(row.metric))) or entries.get((text(row.evaluation_id), None))
        if row.role == "candidate" and own is not None and _failed(row, own):
            first = failures.setdefault(row.evaluation_id, {}).setdefault(row.case_id, row)
            if row.sample_index < first.sample_index:
                failures[row.evaluation_id][row.case_id] = row
    ranked = [_ranked(each, entries[text(name), None]) for name, each in failures.items()]
    in_turn = [row for row in chain.from_iterable(zip_longest(*ranked)) if row is not None]
    chosen = {(row.evaluation_id, row.case_id): row.sample_index for row in in_turn[:most]}
    only: dict[str, set[str]] = {}
    for evaluation, case in chosen:
        only.setdefault(evaluation, set()).add(case)
    traces = [
        _trace(answer, run.run_id, names.get(answer.evaluation_id, answer.evaluation_id))
        for answer in answers_of_run(store, run, only)
        if answer.role == "candidate" and chosen[answer.evaluation_id, answer.case_id] == answer.sample_index
    ]
    return traces, len(in_turn) - len(chosen)


def _failed(row: ScoreRow, entry: Mapping[str, Any]) -> bool:
    if row.value is None:
        return row.outcome == "error"
    limit = entry["threshold"]
    if limit is None:
        limit = None if entry.get("unit") else _PASSING
    if limit is None:
        return False
    is_higher_better = entry.get("higher_is_better", True)
    return bool(row.value < limit if is_higher_better else row.value > limit)


def _ranked(failures: Mapping[str, ScoreRow], entry: Mapping[str, Any]) -> list[ScoreRow]:
    """What broke first, then the cases by how far they fell from the baseline, or from the best that there is."""
    sign = 1.0 if entry.get("higher_is_better", True) else -1.0
    drops = {
        case["id"]: sign * ((1.0 if case["baseline"] is None else case["baseline"]) - case["candidate"])
        for case in entry["cases"]
        if case["candidate"] is not None
    }
    return sorted(
        failures.values(), key=lambda row: (row.value is not None, -drops.get(text(row.case_id), 0.0), row.case_id)
    )


def _trace(answer: StoredAnswer, run_id: str, name: str) -> Plain:
    """An answer as a span takes it: what was asked and answered, and its scores with their reasons."""
    sample = answer.sample
    tags = {
        "mlflow.traceName": f"{name} {answer.case_id} #{answer.sample_index + 1}",
        "steelyard.run_id": run_id,
        "steelyard.evaluation": name,
        "steelyard.case": answer.case_id,
        "steelyard.sample": str(answer.sample_index),
        "steelyard.version": answer.version,
    }
    attributes: Plain = {"mlflow.llm.model": text(answer.version, 200)}
    if answer.request is not None and answer.request.sampling:
        attributes["sampling"] = _cut(answer.request.sampling)
    if sample is not None and sample.prompt_tokens is not None and sample.completion_tokens is not None:
        counts = {"input_tokens": sample.prompt_tokens, "output_tokens": sample.completion_tokens}
        attributes["mlflow.chat.tokenUsage"] = {**counts, "total_tokens": sum(counts.values())}
    if sample is not None and sample.latency_s is not None:
        attributes["latency_s"] = sample.latency_s
    for metric, row in answer.rows.items():
        attributes[f"score.{text(metric, 200)}"] = row.outcome if row.value is None else row.value
        if row.why:
            attributes[f"reason.{text(metric, 200)}"] = text(row.why)
    return {
        "name": text(answer.version, 200) or "answer",
        "broke": any(row.outcome == "error" for row in answer.rows.values()),
        "inputs": _inputs(answer.request),
        "outputs": _outputs(answer),
        "attributes": attributes,
        "tags": {key: text(value, 250) for key, value in tags.items()},
    }


def _cut(value: Any) -> Any:
    """The value with all its texts as databases take them."""
    if isinstance(value, str):
        return text(value, _LONGEST_TEXT)
    if isinstance(value, Mapping):
        return {_cut(str(name)): _cut(each) for name, each in value.items()}
    return [_cut(each) for each in value] if isinstance(value, list | tuple) else value


def _inputs(request: Request | None) -> Any:
    if request is None:
        return None
    given: Plain = {"messages": list(request.messages)} if request.messages else {"prompt": request.prompt}
    if request.continuation is not None:
        given["continuation"] = request.continuation
    return _cut(given)


def _outputs(answer: StoredAnswer) -> Any:
    sample = answer.sample
    if sample is None:
        return None
    if sample.loglikelihood is not None:
        return {"loglikelihood": sample.loglikelihood, "is_greedy": sample.is_greedy}
    message: Plain = {"role": "assistant", "content": sample.text}
    if sample.reasoning:
        message["reasoning_content"] = sample.reasoning
    if sample.tool_calls:
        message["tool_calls"] = list(sample.tool_calls)
    return _cut({"choices": [{"index": 0, "message": message, "finish_reason": sample.finish_reason}]})
