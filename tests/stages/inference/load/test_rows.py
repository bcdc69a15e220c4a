"""What comes back is counted for what it is, however it is cut into events and packets."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models.openai.redaction import Redactor
from harness.stages.inference.load.rows import Row, latencies, read_row

ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
DONE = b"data: [DONE]\n\n"


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def end(reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def usage(completion: int, prompt: int = 7, **more: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return {"choices": [], "usage": counts}


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def seconds(record: Row) -> SimpleNamespace:
    return SimpleNamespace(**latencies(record))


def gaps(record: Row) -> list[tuple[float, float]]:
    """For each chunk after the first: the seconds for each of its tokens, and how many they are."""
    return [((at_s - before_s) / tokens, tokens) for (before_s, _), (at_s, tokens) in pairwise(record.chunks)]


def read(*packets: tuple[float, bytes], status: int = 200, failure: str | None = None, said: str = "") -> Row:
    return read_row(Row(3, 0.0, 0.5, 10.0, error=failure, message=said), status, packets, Redactor("secret-key"))


def test_a_plain_stream_has_all_its_latencies() -> None:
    record = read(
        (1.0, event(ROLE)),
        (2.0, event(delta(content="a"))),
        (2.5, event(delta(content="b"))),
        (3.5, event(delta(content="c"))),
        (3.6, event(end()) + event(usage(3)) + DONE),
    )
    assert record.error is None
    assert (record.scheduled_s, record.sent_s, record.done_s) == (0.0, 0.5, 10.0)
    assert seconds(record).schedule_delay == 0.5
    assert seconds(record).ttft == 1.5  # the event with the role alone is no token
    assert seconds(record).ttft_scheduled == 2.0
    assert gaps(record) == [(0.5, 1.0), (1.0, 1.0)]
    assert seconds(record).itl == seconds(record).tpot == 0.75
    assert seconds(record).e2e == 9.5
    assert (record.prompt_tokens, record.completion_tokens) == (7, 3)


def test_several_tokens_in_an_event_share_the_time_since_those_before() -> None:
    """Six tokens in three events that are 0.4 s apart: 0.2 s a token, not 0.4."""
    record = read(
        *((2.0 + 0.4 * number, event(delta(content="two words"))) for number in range(3)),
        (3.0, event(end()) + event(usage(6)) + DONE),
    )
    assert gaps(record) == [(pytest.approx(0.2), 2.0), (pytest.approx(0.2), 2.0)]
    assert seconds(record).itl == pytest.approx(0.2)
    assert seconds(record).tpot == pytest.approx(0.8 / 5)


def test_a_server_that_counts_along_tells_how_many_tokens_an_event_has() -> None:
    counted = [1, 4, 5]
    record = read(
        *(
            (2.0 + number, event({**delta(content="x"), "usage": {"prompt_tokens": 7, "completion_tokens": count}}))
            for number, count in enumerate(counted)
        ),
        (5.0, event(end()) + event(usage(5)) + DONE),
    )
    assert gaps(record) == [(pytest.approx(1 / 3), 3.0), (1.0, 1.0)]
    assert record.completion_tokens == 5


def test_several_events_in_a_packet_arrived_together() -> None:
    record = read(
        (2.0, event(ROLE) + event(delta(content="a")) + event(delta(content="b"))),
        (3.0, event(delta(content="c")) + event(delta(content="d")) + event(end())),
        (3.1, event(usage(4)) + DONE),
    )
    assert seconds(record).ttft == 1.5
    assert gaps(record) == [(0.0, 1.0), (0.5, 2.0)]
    assert seconds(record).tpot == pytest.approx(1 / 3)


def test_reasoning_is_the_first_token() -> None:
    record = read(
        (1.0, event(delta(reasoning_content="hm"))),
        (4.0, event(delta(content="42")) + event(end())),
        (4.5, event(usage(3)) + DONE),
    )
    assert seconds(record).ttft == 0.5


def test_a_token_whose_character_is_not_complete_yet_is_one_where_the_server_counts_along() -> None:
    first = {**delta(content=""), "usage": {"completion_tokens": 1}}
    second = {**delta(content="é"), "usage": {"completion_tokens": 2}}
    record = read((1.0, event(first)), (2.0, event(second)), (2.1, event(end()) + event(usage(2)) + DONE))
    assert seconds(record).ttft == 0.5
    assert gaps(record) == [(1.0, 1.0)]


def test_without_usage_latencies_stand_and_tokens_are_not_counted() -> None:
    record = read((1.0, event(delta(content="a"))), (2.0, event(delta(content="b")) + event(end()) + DONE))
    assert record.error is None
    assert gaps(record) == [(1.0, 1.0)]
    assert (record.completion_tokens, record.prompt_tokens) == (None, None)
    assert math.isnan(seconds(record).tpot)


@pytest.mark.parametrize(
    ("packets", "kind"),
    [
        (((1.0, event(delta(content="a")) + event(end("length"))),), None),
        ((), "empty"),
        (((1.0, DONE),), "empty"),
        (((1.0, event(ROLE) + event(end()) + event(usage(0)) + DONE),), "empty"),
        (((1.0, event(delta(content="a"))),), "broken_off"),
        (((1.0, event(delta(content="a"))), (2.0, event(delta(content="b")) + event(usage(2)) + DONE)), "broken_off"),
        (((1.0, event(delta(content="a")) + event(end("abort")) + DONE),), "broken_off"),
        (((1.0, event(delta(content="a")) + event({"error": {"message": "out of memory"}})),), "error_event"),
        (((1.0, b'{"choices": [{"message": {"content": "a"}}]}'),), "no_stream"),
        (((1.0, b"<html>no</html>"),), "malformed"),
        (((1.0, b"data: {oh\n\n"),), "malformed"),
        (((1.0, b"data: [1]\n\n"),), "malformed"),
        (((1.0, event({"choices": [3]})),), "malformed"),
        (((1.0, event({"choices": [{"delta": 3}]})),), "malformed"),
        (((1.0, event({"id": "x"})),), "malformed"),
    ],
)
def test_what_is_no_answer_is_an_error_of_its_kind(packets: tuple[tuple[float, bytes], ...], kind: str | None) -> None:
    record = read(*packets)
    assert record.error == kind
    if kind is not None:
        assert record.chunks == ()
        assert math.isnan(seconds(record).ttft)


def test_a_200_that_breaks_off_is_no_answer_and_one_that_was_whole_before_is() -> None:
    part, rest = event(delta(content="a")), event(end()) + event(usage(1)) + DONE
    assert read((1.0, part), failure="broken_off", said="reset").error == "broken_off"
    assert read((1.0, part + rest[:9]), failure="broken_off").error == "broken_off"
    assert read((1.0, part + rest), failure="broken_off").error is None


def test_a_refusal_has_its_status_and_what_the_server_said_without_the_key() -> None:
    body = json.dumps({"error": {"message": "no such key: secret-key"}}).encode()
    record = read((1.0, body), status=401)
    assert (record.error, record.message) == ("http_401", "no such key: ***")
    assert read((1.0, b"busy"), status=503, failure="broken_off").error == "http_503"


@pytest.mark.parametrize("failure", ["timeout", "connection", "unfinished", "malformed"])
def test_what_the_generator_saw_fail_has_its_kind(failure: str) -> None:
    record = read((1.0, event(delta(content="a"))), failure=failure, said="why")
    assert (record.error, record.message) == (failure, "why")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_as_the_standard_allows_and_comments_are_none_of_ours(line_end: bytes) -> None:
    text = b": ping\n\n" + b"event: x\n" + event(delta(content="a")) + event(end()) + event(usage(1)) + DONE
    assert read((1.0, text.replace(b"\n", line_end))).completion_tokens == 1


WHOLE = b"".join(map(event, (ROLE, delta(content="né"), delta(content="🎯x"), end(), usage(2)))) + DONE


@pytest.mark.service
@settings(max_examples=200)
@given(st.sets(st.integers(1, len(WHOLE) - 1), max_size=12))
def test_however_packets_are_cut_the_tokens_are_the_same_and_come_when_their_event_is_complete(cuts: set[int]) -> None:
    """Packet n comes at second n: a token comes with the end of its event's line."""
    edges = [0, *sorted(cuts), len(WHOLE)]
    packets = [(1.0 + number, WHOLE[a:b]) for number, (a, b) in enumerate(pairwise(edges))]
    record = read(*packets)
    assert record.completion_tokens == 2
    complete = WHOLE.index(event(delta(content="né"))) + len(event(delta(content="né"))) - len("\n")
    assert seconds(record).ttft == 0.5 + next(number for number, edge in enumerate(edges[1:]) if edge >= complete)
