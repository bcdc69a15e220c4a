"""Records what real clients export, into `exports/`: run by hand, each part where its client is installed.

    pip install opentelemetry-instrumentation-openai-v2==2.4b0 opentelemetry-util-genai==0.4b0 \\
        opentelemetry-exporter-otlp-json-file==0.66b1 openai==3.57.0
    python -m tests.loopback --answers answers.json &        # {"prompt": "answer"}; prints its address
    python tests/gate/traffic/record_exports.py opentelemetry http://127.0.0.1:PORT/v1

    pip install langfuse==5.2.0 opentelemetry-exporter-otlp-json-file==0.66b1
    python tests/gate/traffic/record_exports.py langfuse
"""

import json
import os
import sys
from pathlib import Path

EXPORTS = Path(__file__).parent / "exports"
TALKS = [
    ("talk-1", [("user", "Where is order 7?")], "It is on its way."),
    ("talk-1", [("user", "Where is order 7?"), ("assistant", "It is on its way."), ("user", "When?")], "Tomorrow."),
    ("talk-2", [("user", "Can I return a lamp?")], "Sorry, no."),
]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def _messages(turns):
    every = [("system", "You are a shop's assistant."), *turns]
    return [{"role": role, "content": text} for role, text in every]


def opentelemetry(address):
    """The instrumentation of OpenAI's client, in the collector's file format."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    from openai import OpenAI
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    with (EXPORTS / "opentelemetry.jsonl").open("w") as stream:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(stream=stream)))
        OpenAIInstrumentor().instrument(tracer_provider=provider)
        client, tracer = OpenAI(base_url=address, api_key="none", max_retries=0), provider.get_tracer("shop")
        for _, turns, _ in TALKS:
            with tracer.start_as_current_span("answer a customer"):
                client.chat.completions.create(model="shop", messages=_messages(turns), temperature=0.5)
        client.chat.completions.create(model="shop", messages=_messages(TALKS[0][1]), tools=[TOOL])


def langfuse():
    """The spans that the SDK sends, and the same observations in the data model of its API."""
    from langfuse import Langfuse, propagate_attributes
    from langfuse.api import ObservationV2
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter

    rows, language = [], {"language": "en"}
    with (EXPORTS / "langfuse-spans.jsonl").open("w") as stream:
        client = Langfuse(public_key="x", secret_key="x", span_exporter=FileSpanExporter(stream=stream), flush_at=1)
        begin = client.start_as_current_observation
        for talk, turns, answer in TALKS:
            model = {"as_type": "generation", "model": "shop", "metadata": language, "input": _messages(turns)}
            with (
                propagate_attributes(session_id=talk),
                begin(name="answer", as_type="span", input=turns[-1][1], output=answer) as root,
                begin(name="model", **model, output={"role": "assistant", "content": answer}) as own,
            ):
                for each, kind in ((root, "SPAN"), (own, "GENERATION")):
                    span, start = each._otel_span, f"2026-12-01T10:0{len(rows)}:00Z"
                    texts = [span.attributes.get(f"langfuse.observation.{name}") for name in ("input", "output")]
                    read = [json.loads(text) if text.startswith(("[", "{")) else text for text in texts]
                    known = {"id": each.id, "trace_id": each.trace_id, "type": kind, "session_id": talk}
                    known |= {"project_id": "shop", "start_time": start, "name": span.name, "metadata": language}
                    rows.append(ObservationV2(**known, input=read[0], output=read[1]))
        client.flush()
        client.shutdown()
    lines = [each.json(exclude_none=True) + "\n" for each in rows]
    (EXPORTS / "langfuse.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    EXPORTS.mkdir(exist_ok=True)
    {"opentelemetry": opentelemetry, "langfuse": langfuse}[sys.argv[1]](*sys.argv[2:])
