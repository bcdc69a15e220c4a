"""A tracker for Steelyard: each gate becomes a span of OpenTelemetry, and each of its evaluations a span below it.

Names and values are those of OpenTelemetry's conventions for generative AI where they have one (`gen_ai.evaluation.*`,
`gen_ai.request.model`, `gen_ai.usage.*`), and begin with `steelyard.` elsewhere. Evaluations are sampled side by side,
so that each lasts as long as its gate.

The exporter is what OTEL_TRACES_EXPORTER names, "otlp" if nothing does, unless the program has set up OpenTelemetry
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any

from harness import Report, SettingsError, Verdict
from harness.extension import Settings, TrackedGate, TrackingNotes, typed

_NS = 1_000_000_000


@dataclass(frozen=True)
class Options(typed.Table):
    """What the tracker's table may say."""

    service: typed.Text | None = None
    exporter: typed.Text | None = None


class OpenTelemetryTracker:
    """Takes the options `service`, the name that spans come under, and `exporter`, such as "otlp" or "console"."""

    def check(self, settings: Settings, options: Mapping[str, Any]) -> None:
        """Refuse options that can't be. OpenTelemetry is imported here, for the first time."""
        typed.read(Options, options, where="trackers.opentelemetry")
        _exporter(options)

    def track(self, gate: TrackedGate, told: TrackingNotes) -> None:
        """Write the spans, and wait until they are sent."""
        from opentelemetry import trace

        provider = trace.get_tracer_provider()
        own = None if hasattr(provider, "add_span_processor") else _provider(gate.options)
        tracer = (own or provider).get_tracer("steelyard")
        context = _write(tracer, gate.report)
        if own is not None:
            own.shutdown()
        told.lines.append(f"opentelemetry  trace {context.trace_id:032x}, {1 + len(gate.report.evaluations)} spans")

    def later(self, run_id: str, options: Mapping[str, Any]) -> str:
        """The command that writes the spans of a stored run."""
        return f"steelyard track {run_id} --to opentelemetry"


def _exporter(options: Mapping[str, Any]) -> Any:
    import os

    name = options.get("exporter") or os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    known = {entry.name: entry for entry in entry_points(group="opentelemetry_traces_exporter")}
    if name not in known:
        raise SettingsError(f"trackers.opentelemetry: exporter = {name!r} is none of {', '.join(sorted(known))}.")
    return known[name].load()


def _provider(options: Mapping[str, Any]) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": options["service"]} if "service" in options else {})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(_exporter(options)()))
    return provider


def _write(tracer: Any, report: Report) -> Any:
    from opentelemetry import context, trace
    from opentelemetry.trace import Status, StatusCode

    began = int(datetime.fromisoformat(report.created).timestamp() * _NS)
    ended = began + int(report.usage.wall_s * _NS)
    gate = tracer.start_span("steelyard gate", context.Context(), start_time=began, attributes=_of_gate(report))
    parent = trace.set_span_in_context(gate, context.Context())
    for verdict in report.evaluations:
        attributes = _of_verdict(verdict)
        span = tracer.start_span(f"evaluation {verdict.id}", parent, start_time=began, attributes=attributes)
        span.add_event("gen_ai.evaluation.result", attributes, timestamp=ended)
        if verdict.verdict.is_red:
            span.set_status(Status(StatusCode.ERROR, verdict.reason))
        span.end(ended)
    if report.verdict.is_red:
        gate.set_status(Status(StatusCode.ERROR, str(report.verdict)))
    gate.end(ended)
    return gate.get_span_context()


def _of_gate(report: Report) -> dict[str, Any]:
    usage, baseline = report.usage, report.baseline
    known = {
        "gen_ai.request.model": report.candidate.model or report.candidate.name,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "steelyard.run_id": report.run_id,
        "steelyard.verdict": str(report.verdict),
        "steelyard.exit_code": report.exit_code,
        "steelyard.candidate": report.candidate.name,
        "steelyard.candidate.fingerprint": report.candidate.fingerprint,
        "steelyard.baseline": None if baseline is None else baseline.name,
        "steelyard.confidence_level": report.confidence_level,
    }
    return _given(known)


def _of_verdict(verdict: Verdict) -> dict[str, Any]:
    difference = verdict.difference
    known = {
        "gen_ai.evaluation.name": verdict.id if verdict.metric == "score" else f"{verdict.id} {verdict.metric}",
        "gen_ai.evaluation.score.value": None if verdict.candidate is None else verdict.candidate.value,
        "gen_ai.evaluation.score.label": str(verdict.verdict),
        "gen_ai.evaluation.explanation": verdict.reason,
        "steelyard.threshold": verdict.plan.threshold,
        "steelyard.margin": verdict.plan.margin,
        "steelyard.n_cases": verdict.n_cases,
        "steelyard.n_samples": verdict.n_samples,
        "steelyard.difference.low": None if difference is None else difference.low,
        "steelyard.difference.high": None if difference is None else difference.high,
    }
    return _given(known)


def _given(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is known; an attribute of a span can't be None."""
    return {name: value for name, value in known.items() if value is not None}


OPENTELEMETRY = OpenTelemetryTracker()
