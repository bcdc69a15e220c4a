"""Messages between an engine and its child process, whole or none at all."""

from __future__ import annotations

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.models.processes.frames import encode_frame, parse_frame, read_frame, receive_frame

MESSAGES = st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.lists(st.booleans()), max_size=4)


@pytest.mark.service
@given(st.lists(MESSAGES, max_size=3))
def test_messages_come_out_of_a_pipe_as_they_went_in(messages: list[dict[str, object]]) -> None:
    pipe = io.BytesIO(b"".join(map(encode_frame, messages)))
    assert [read_frame(pipe) for _ in messages] == messages
    assert read_frame(pipe) is None


def test_a_message_that_is_not_all_there_is_none() -> None:
    whole = encode_frame({"text": "grüße"})
    assert parse_frame(whole + b"rest") == {"text": "grüße"}
    assert [parse_frame(whole[:end]) for end in range(len(whole))] == [None] * len(whole)


def test_a_stream_gives_each_message_and_none_at_its_end() -> None:
    async def received(content: bytes) -> list[object]:
        stream = asyncio.StreamReader()
        stream.feed_data(content)
        stream.feed_eof()
        return [await receive_frame(stream) for _ in range(3)]

    two = encode_frame({"a": 1}) + encode_frame({"b": 2})
    assert asyncio.run(received(two)) == [{"a": 1}, {"b": 2}, None]
    assert asyncio.run(received(two[:-1])) == [{"a": 1}, None, None]
