"""Answers as traces: what was asked and answered, and what judges, checks and people said of it, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.gate.history.answers import StoredAnswer
from harness.records import Request, ScoreRow
from harness.review.labels import PersonsLabel
from harness.tracking.keys import text
from harness.tracking.selection import ChosenTraces, Place, place_of

_LONGEST_TEXT = 20_000
"""Characters of a prompt or an answer in a trace; the whole is in the table of samples."""
_LONGEST_PREVIEW = 1_000
_LONGEST_NAME = 200

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """The facts that all traces of a run share.

    Attributes:
        run_id: of the run in the store; with the place of an answer it makes the trace's identity, so that a run that
            is logged again has each trace once.
        names: of evaluations by id, as a reader knows them.
        versions: names of versions by fingerprint.
    """

    run_id: str
    names: Mapping[str, str]
    versions: Mapping[str, str]


def traces(chosen: ChosenTraces, context: Context) -> list[Plain]:
    """One trace for each answer, in the order in which they are read, with its assessments."""
    return [_trace(answer, chosen.labels.get(place_of(answer), ()), context) for answer in chosen.answers]


def _digits(context: Context, *parts: object) -> str:
    content = json.dumps([context.run_id, *parts])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _trace(answer: StoredAnswer, labels: Sequence[PersonsLabel], context: Context) -> Plain:
    name = context.names.get(answer.evaluation_id, answer.evaluation_id)
    tags = {
        "mlflow.traceName": f"{name} {answer.case_id} #{answer.sample_index + 1}",
        "steelyard.run_id": context.run_id,
        "steelyard.evaluation": name,
        "steelyard.case": answer.case_id,
        "steelyard.sample": str(answer.sample_index),
        "steelyard.role": answer.role,
        "steelyard.version": answer.version,
    }
    return {
        "id": f"tr-{_digits(context, *place_of(answer))}",
        "evaluation_id": answer.evaluation_id,
        "span_name": text(answer.version, _LONGEST_NAME) or "answer",
        "broke": any(row.outcome == "error" for row in answer.rows.values()),
        "duration_s": (answer.sample.latency_s if answer.sample else None) or 0.0,
        "previews": [
            text(_asked(answer.request), _LONGEST_PREVIEW),
            text(answer.sample.text if answer.sample else "", _LONGEST_PREVIEW),
        ],
        "inputs": _inputs(answer.request),
        "outputs": _outputs(answer),
        "usage": _usage(answer),
        "attributes": _attributes(answer),
        "tags": {key: text(value, 250) for key, value in tags.items()},
        "assessments": [*_judgements(answer, context), *_opinions(labels, context)],
    }


def _usage(answer: StoredAnswer) -> dict[str, int]:
    sample = answer.sample
    if sample is None or sample.prompt_tokens is None or sample.completion_tokens is None:
        return {}
    counts = (sample.prompt_tokens, sample.completion_tokens)
    return {"input_tokens": counts[0], "output_tokens": counts[1], "total_tokens": sum(counts)}


def _attributes(answer: StoredAnswer) -> Plain:
    """Give what else a reader may want to know of an answer."""
    found: Plain = {"mlflow.llm.model": text(answer.version, _LONGEST_NAME)}
    if answer.request is not None and answer.request.sampling:
        found["sampling"] = _cut(answer.request.sampling)
    for metric, row in answer.rows.items():
        found[f"score.{text(metric, _LONGEST_NAME)}"] = row.outcome if row.value is None else row.value
    return found


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


def _asked(request: Request | None) -> str:
    """Give what was asked last, as text."""
    if request is None:
        return ""
    content = request.messages[-1].get("content") if request.messages else request.prompt
    return content if isinstance(content, str) else json.dumps(content, default=str)


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


def _judgements(answer: StoredAnswer, context: Context) -> list[Plain]:
    """List what judges and checks gave the answer."""
    return [_judgement(row, context) for row in answer.rows.values() if row.outcome != "skipped"]


def _judgement(row: ScoreRow, context: Context) -> Plain:
    source, metadata = ("CODE", row.evaluation_id), {}
    if row.judged_by is not None:
        judges = [context.versions.get(each, each[:12]) for each in row.judged_by.judges]
        source = ("LLM_JUDGE", " + ".join(judges))
        metadata = {"judge.fingerprint": " + ".join(row.judged_by.judges), "rubric": row.judged_by.rubric}
    place = Place(row.evaluation_id, row.case_id, row.role, row.sample_index)
    reason = text(row.reason or "")
    return {
        "id": f"a-{_digits(context, 'score', *place, row.metric)}",
        "name": text(row.metric, _LONGEST_NAME),
        "value": row.value,
        "error": reason if row.value is None else None,
        "rationale": None if row.value is None else reason,
        "source": [source[0], text(source[1], _LONGEST_NAME)],
        "metadata": {key: text(value, 1000) for key, value in metadata.items()},
        "time_ms": None,
    }


def _opinions(labels: Sequence[PersonsLabel], context: Context) -> list[Plain]:
    """List what people gave the answer, under a name of its own: MLflow takes the mean over all that has one name."""
    found = []
    for label in labels:
        parts = (label.batch_id, label.case_id, label.part, label.sample_index, label.reviewer, label.time)
        metadata = {"label": str(label.value), "batch": label.batch_id, "answer": label.part}
        if label.is_adjudication:
            metadata["adjudicated"] = "true"
        found.append(
            {
                "id": f"a-{_digits(context, 'label', *parts)}",
                "name": f"{text(label.metric, _LONGEST_NAME)}.human",
                "value": label.value if label.score is None else label.score,
                "error": None,
                "rationale": text(label.note),
                "source": ["HUMAN", text(label.reviewer, _LONGEST_NAME)],
                "metadata": {key: text(value, 1000) for key, value in metadata.items()},
                "time_ms": round(label.time * 1000),
            }
        )
    return found
