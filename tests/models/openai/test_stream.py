"""A server that streams is read like one that does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.models.openai.retry import MalformedResponseError, UnusableError
from harness.models.openai.stream import is_event_stream, read_stream
from harness.records import Request
from tests.loopback.streaming import event_stream
from tests.models.openai.engines import Start, ask, engine, sample

TOOL = {"type": "function", "function": {"name": "look"}}


@pytest.mark.parametrize("streams", ["always", "asked"])
@pytest.mark.parametrize(
    ("options", "request_"),
    [
        ({}, ask(sampling={"max_tokens": 2})),
        ({"reasoning": "let me see"}, ask(logprobs=2)),
        ({"call_tools": True}, ask(tools=(TOOL,))),
    ],
    ids=["text", "log probabilities", "tools"],
)
def test_it_answers_what_a_server_answers_that_does_not(
    loopback: Start, streams: str, options: dict[str, Any], request_: Request
) -> None:
    options |= {"answers": {"Q": {"one two three": 0.5, "four five": 0.5}}}
    streamed, whole = (
        sample(engine(loopback(streams=each, **options)), request_, range(4)) for each in (streams, None)
    )
    assert [replace(each, latency_s=None) for each in streamed] == [replace(each, latency_s=None) for each in whole]


def test_completions_likewise(loopback: Start) -> None:
    request = Request(kind="completion", prompt="Q", logprobs=1)
    (streamed,), (whole,) = (
        sample(engine(loopback(streams=each, default="one two")), request) for each in ("always", None)
    )
    assert replace(streamed, latency_s=None) == replace(whole, latency_s=None)


def test_a_server_that_demands_a_stream_is_asked_for_one_from_then_on(loopback: Start) -> None:
    server = loopback(streams="asked")
    one = engine(server)
    assert [sample(one, ask())[0].text, sample(one, ask("R"))[0].text] == ["ok", "ok"]
    assert [payload.get("stream") for payload in server.received] == [None, True, True]


def chunk(**choice: Any) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n"


def test_an_answer_is_complete_by_its_mark_or_by_its_reason_to_end() -> None:
    said = chunk(delta={"content": "A"})
    for end in ("data: [DONE]\n\n", chunk(delta={}, finish_reason="stop")):
        assert read_stream((said + end).encode())["choices"][0]["message"] == {"content": "A"}
    with pytest.raises(UnusableError, match="ends before its answer does") as failed:
        read_stream(said.encode())
    assert failed.type is not MalformedResponseError


def test_one_choice_that_did_not_end_makes_it_incomplete() -> None:
    stream = chunk(delta={"content": "A"}, finish_reason="stop") + chunk(index=1, delta={"content": "B"})
    with pytest.raises(UnusableError, match="ends before"):
        read_stream(stream.encode())


@pytest.mark.parametrize("stream", ["data: oops\n\n", "data: [1]\n\n", chunk(delta={"content": 3}), chunk(index="x")])
def test_an_event_that_is_no_chunk_is_malformed(stream: str) -> None:
    with pytest.raises(MalformedResponseError, match="an event stream that can't be read"):
        read_stream((stream + "data: [DONE]\n\n").encode())


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ('data: {"error": {"message": "no"}}\n\n', {"message": "no"}),
        ("event: error\ndata: no\n\n", "no"),
        ('event: error\ndata: {"message": "no"}\n\n', {"message": "no"}),
    ],
)
def test_an_error_among_the_events_is_the_answer(stream: str, error: Any) -> None:
    assert read_stream((chunk(delta={"content": "A"}) + stream).encode())["error"] == error


def test_arguments_of_tool_calls_are_joined_by_their_place() -> None:
    calls = [{"id": str(i), "type": "function", "function": {"name": f"f{i}", "arguments": '{"a": 1}'}} for i in (0, 1)]
    choice = {"index": 0, "message": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    assert read_stream(event_stream({"choices": [choice]}).encode())["choices"][0]["message"]["tool_calls"] == calls


def test_a_body_is_a_stream_by_how_it_begins_or_else_by_its_name() -> None:
    assert is_event_stream("text/plain", b"data: {}")
    assert is_event_stream("text/event-stream", b"")
    assert not is_event_stream("text/event-stream", b' {"choices": []}')
    assert not is_event_stream("application/json", b"[]")
