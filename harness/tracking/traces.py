"""Answers as traces of MLflow: what was asked and answered, and what judges, checks and people said of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.gate.stored_answers import StoredAnswer
from harness.records import Request, ScoreRow
from harness.review.labels import PersonsLabel
from harness.tracking.keys import text
from harness.tracking.selection import Chosen, Place, place_of

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Span
    from mlflow.entities.trace_info import TraceInfo

_LONGEST_TEXT = 20_000
"""Characters of a prompt or an answer in a trace; the whole is in the table of samples."""
_LONGEST_PREVIEW = 1_000
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """What all traces of a run share.

    Attributes:
        steelyard_id: of the run in the store; with the place of an answer it makes the trace's identity, so that a run
            that is logged again has each trace once.
        began_ns: when the run was made, in nanoseconds since 1970.
        names: of evaluations by id, as a reader knows them.
        versions: names of versions by fingerprint.
    """

    steelyard_id: str
    mlflow_id: str
    experiment_id: str
    began_ns: int
    names: Mapping[str, str]
    versions: Mapping[str, str]


def traces(chosen: Chosen, context: Context) -> list[tuple[TraceInfo, Span]]:
    """One trace for each answer, of one span."""
    return [
        _trace(answer, chosen.labels.get(place_of(answer), ()), context, number)
        for number, answer in enumerate(chosen.answers)
    ]


def _digits(context: Context, *parts: object) -> str:
    content = json.dumps([context.steelyard_id, *parts])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _trace(
    answer: StoredAnswer, labels: Sequence[PersonsLabel], context: Context, number: int
) -> tuple[TraceInfo, Span]:
    from mlflow.entities.trace_info import TraceInfo
    from mlflow.entities.trace_location import TraceLocation
    from mlflow.entities.trace_state import TraceState

    place = place_of(answer)
    trace_id = f"tr-{_digits(context, *place)}"
    name = context.names.get(answer.evaluation_id, answer.evaluation_id)
    duration_s = (answer.sample.latency_s if answer.sample else None) or 0.0
    start_ns = context.began_ns + number * 1_000_000
    broke = any(row.outcome == "error" for row in answer.rows.values())
    inputs, outputs = _inputs(answer.request), _outputs(answer)
    tags = {
        "mlflow.traceName": f"{name} {answer.case_id} #{answer.sample_index + 1}",
        "steelyard.run_id": context.steelyard_id,
        "steelyard.evaluation": name,
        "steelyard.case": answer.case_id,
        "steelyard.sample": str(answer.sample_index),
        "steelyard.role": answer.role,
        "steelyard.version": answer.version,
    }
    metadata = {"mlflow.sourceRun": context.mlflow_id}
    if usage := _usage(answer):
        metadata["mlflow.trace.tokenUsage"] = json.dumps(usage)
    info = TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(context.experiment_id),
        request_time=start_ns // 1_000_000,
        state=TraceState.ERROR if broke else TraceState.OK,
        request_preview=text(_asked(answer.request), _LONGEST_PREVIEW),
        response_preview=text(answer.sample.text if answer.sample else "", _LONGEST_PREVIEW),
        execution_duration=round(duration_s * 1000),
        trace_metadata=metadata,
        tags={key: text(value, 250) for key, value in tags.items()},
        assessments=[*_judgements(answer, context, trace_id), *_opinions(labels, context, trace_id)],
    )
    times = (start_ns, start_ns + round(duration_s * _NS_PER_S))
    return info, _span(info, times, inputs, outputs, _attributes(answer))


def _span(info: TraceInfo, times: tuple[int, int], inputs: Any, outputs: Any, attributes: Mapping[str, Any]) -> Span:
    from mlflow.entities import Span
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    number = int(info.trace_id.removeprefix("tr-"), 16)
    given = {
        "mlflow.traceRequestId": info.trace_id,
        "mlflow.spanType": "CHAT_MODEL",
        "mlflow.spanInputs": inputs,
        "mlflow.spanOutputs": outputs,
        "mlflow.message.format": "openai",
        **attributes,
    }
    return Span(
        ReadableSpan(
            name=info.tags["steelyard.version"] or "answer",
            context=SpanContext(number, (number & 0xFFFFFFFFFFFFFFFF) or 1, False, TraceFlags(1)),
            resource=Resource({"service.name": "steelyard"}),
            start_time=times[0],
            end_time=times[1],
            status=Status(StatusCode.ERROR if info.state == "ERROR" else StatusCode.OK),
            attributes={key: json.dumps(value, default=str) for key, value in given.items()},
        )
    )


def _usage(answer: StoredAnswer) -> dict[str, int]:
    sample = answer.sample
    if sample is None or sample.prompt_tokens is None or sample.completion_tokens is None:
        return {}
    counts = (sample.prompt_tokens, sample.completion_tokens)
    return {"input_tokens": counts[0], "output_tokens": counts[1], "total_tokens": sum(counts)}


def _attributes(answer: StoredAnswer) -> dict[str, Any]:
    """What else a reader may want to know of an answer."""
    found: dict[str, Any] = {"mlflow.llm.model": text(answer.version, 250)}
    if usage := _usage(answer):
        found["mlflow.chat.tokenUsage"] = usage
    if answer.request is not None and answer.request.sampling:
        found["sampling"] = dict(answer.request.sampling)
    for metric, row in answer.rows.items():
        found[f"score.{text(metric, 200)}"] = row.outcome if row.value is None else row.value
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
    given: dict[str, Any] = {"messages": list(request.messages)} if request.messages else {"prompt": request.prompt}
    if request.continuation is not None:
        given["continuation"] = request.continuation
    return _cut(given)


def _asked(request: Request | None) -> str:
    """What was asked last."""
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
    message: dict[str, Any] = {"role": "assistant", "content": sample.text}
    if sample.reasoning:
        message["reasoning_content"] = sample.reasoning
    if sample.tool_calls:
        message["tool_calls"] = list(sample.tool_calls)
    return _cut({"choices": [{"index": 0, "message": message, "finish_reason": sample.finish_reason}]})


def _judgements(answer: StoredAnswer, context: Context, trace_id: str) -> list[Assessment]:
    """What judges and checks gave the answer."""
    return [_judgement(row, context, trace_id) for row in answer.rows.values() if row.outcome != "skipped"]


def _judgement(row: ScoreRow, context: Context, trace_id: str) -> Assessment:
    from mlflow.entities import AssessmentError, AssessmentSource, Feedback

    metadata = {}
    source = AssessmentSource("CODE", text(row.evaluation_id, 250))
    if row.judged_by is not None:
        judges = [context.versions.get(each, each[:12]) for each in row.judged_by.judges]
        source = AssessmentSource("LLM_JUDGE", text(" + ".join(judges), 250))
        metadata = {"judge.fingerprint": " + ".join(row.judged_by.judges), "rubric": row.judged_by.rubric}
    failed = row.value is None
    given = Feedback(
        name=text(row.metric, 200),
        value=row.value,
        error=AssessmentError("BODY_ERROR", text(row.reason or "", _LONGEST_PREVIEW)) if failed else None,
        source=source,
        rationale=None if row.reason is None or failed else text(row.reason),
        metadata={name: text(value, 1000) for name, value in metadata.items()} or None,
        trace_id=trace_id,
    )
    place = Place(row.evaluation_id, row.case_id, row.role, row.sample_index)
    given.assessment_id = f"a-{_digits(context, 'score', *place, row.metric)}"
    return given


def _opinions(labels: Sequence[PersonsLabel], context: Context, trace_id: str) -> list[Assessment]:
    """What people gave the answer, under a name of its own: MLflow takes the mean over all that has one name."""
    from mlflow.entities import AssessmentSource, Feedback

    found: list[Assessment] = []
    for label in labels:
        metadata = {"label": str(label.value), "batch": label.batch_id, "answer": label.part}
        if label.is_adjudication:
            metadata["adjudicated"] = "true"
        given = Feedback(
            name=f"{text(label.metric, 200)}.human",
            value=label.value if label.score is None else label.score,
            source=AssessmentSource("HUMAN", text(label.reviewer, 250)),
            rationale=text(label.note) or None,
            metadata={name: text(value, 1000) for name, value in metadata.items()},
            trace_id=trace_id,
            create_time_ms=round(label.time * 1000),
            last_update_time_ms=round(label.time * 1000),
        )
        parts = (label.batch_id, label.case_id, label.part, label.sample_index, label.reviewer, label.time)
        given.assessment_id = f"a-{_digits(context, 'label', *parts)}"
        found.append(given)
    return found
