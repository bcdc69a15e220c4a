"""Traces as MLflow has them: logged in batches, and each once however often the run is logged."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Assessment, Span
    from mlflow.entities.trace_info import TraceInfo

Spread = Callable[[Sequence[Callable[[], None]]], None]
_SPANS_AT_ONCE = 100
_LINKS_AT_ONCE = 100
_PAGE = 500
_NS_PER_S = 1_000_000_000


def log_traces(given: Sequence[Mapping[str, Any]], experiment: str, run_id: str, began_ms: int, spread: Spread) -> None:
    """Log the traces of a run. Of one that is there, what is new is added, and a label that was taken back is removed.

    Args:
        given: as `traces` describes them.
        began_ms: when the run was made; a trace each millisecond from then on, in their order.
        spread: does what it is given, perhaps several at once.
    """
    from mlflow.tracing.client import TracingClient

    client = TracingClient()
    there = _there(client, experiment, run_id) if given else {}
    infos = [_info(each, experiment, run_id, began_ms + number) for number, each in enumerate(given)]
    spread([functools.partial(_put, client, info, there.get(info.trace_id)) for info in infos])
    spans = [_span(info, each) for info, each in zip(infos, given, strict=True)]
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        client.log_spans(experiment, spans[start : start + _SPANS_AT_ONCE])


def link_traces(client: MlflowClient, trace_ids: Sequence[str], run_id: str) -> None:
    """Show traces with a further run, as those of an evaluation with its own."""
    for start in range(0, len(trace_ids), _LINKS_AT_ONCE):
        client.link_traces_to_run(trace_ids[start : start + _LINKS_AT_ONCE], run_id)


def _there(client: Any, experiment: str, run_id: str) -> dict[str, TraceInfo]:
    """The traces that an earlier attempt logged."""
    found: dict[str, TraceInfo] = {}
    token: str | None = None
    while True:
        page = client.search_traces(
            locations=[experiment], run_id=run_id, include_spans=False, max_results=_PAGE, page_token=token
        )
        found |= {trace.info.trace_id: trace.info for trace in page}
        token = page.token
        if not token:
            return found


def _put(client: Any, info: TraceInfo, there: TraceInfo | None) -> None:
    if there is None:
        client.start_trace(info)
        return
    wanted = {each.assessment_id: each for each in info.assessments}
    known = {each.assessment_id for each in there.assessments}
    for each in there.assessments:
        is_ours = each.name.endswith(".human") and "batch" in (each.metadata or {})
        if is_ours and each.assessment_id not in wanted:
            client.delete_assessment(info.trace_id, each.assessment_id)
    for identity, each in wanted.items():
        if identity not in known:
            client.log_assessment(info.trace_id, each)


def _info(given: Mapping[str, Any], experiment: str, run_id: str, start_ms: int) -> TraceInfo:
    from mlflow.entities.trace_info import TraceInfo
    from mlflow.entities.trace_location import TraceLocation
    from mlflow.entities.trace_state import TraceState

    metadata = {"mlflow.sourceRun": run_id}
    if given["usage"]:
        metadata["mlflow.trace.tokenUsage"] = json.dumps(given["usage"])
    return TraceInfo(
        trace_id=given["id"],
        trace_location=TraceLocation.from_experiment_id(experiment),
        request_time=start_ms,
        state=TraceState.ERROR if given["broke"] else TraceState.OK,
        request_preview=given["previews"][0],
        response_preview=given["previews"][1],
        execution_duration=round(given["duration_s"] * 1000),
        trace_metadata=metadata,
        tags=dict(given["tags"]),
        assessments=[_assessment(each, given["id"]) for each in given["assessments"]],
    )


def _assessment(given: Mapping[str, Any], trace_id: str) -> Assessment:
    from mlflow.entities import AssessmentError, AssessmentSource, Feedback

    made = Feedback(
        name=given["name"],
        value=given["value"],
        error=None if given["error"] is None else AssessmentError("BODY_ERROR", given["error"]),
        source=AssessmentSource(*given["source"]),
        rationale=given["rationale"] or None,
        metadata=given["metadata"] or None,
        trace_id=trace_id,
        create_time_ms=given["time_ms"],
        last_update_time_ms=given["time_ms"],
    )
    made.assessment_id = given["id"]
    return made


def _span(info: TraceInfo, given: Mapping[str, Any]) -> Span:
    from mlflow.entities import Span
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    number = int(given["id"].removeprefix("tr-"), 16)
    start_ns = info.request_time * 1_000_000
    attributes = {
        "mlflow.traceRequestId": given["id"],
        "mlflow.spanType": "CHAT_MODEL",
        "mlflow.spanInputs": given["inputs"],
        "mlflow.spanOutputs": given["outputs"],
        "mlflow.message.format": "openai",
        **given["attributes"],
    }
    if given["usage"]:
        attributes["mlflow.chat.tokenUsage"] = given["usage"]
    return Span(
        ReadableSpan(
            name=given["span_name"],
            context=SpanContext(number, (number & 0xFFFFFFFFFFFFFFFF) or 1, False, TraceFlags(1)),
            resource=Resource({"service.name": "steelyard"}),
            start_time=start_ns,
            end_time=start_ns + round(given["duration_s"] * _NS_PER_S),
            status=Status(StatusCode.ERROR if given["broke"] else StatusCode.OK),
            attributes={key: json.dumps(value) for key, value in attributes.items()},
        )
    )
