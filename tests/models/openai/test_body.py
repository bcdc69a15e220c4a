"""Bodies of answers are read up to a limit."""

from __future__ import annotations

import pytest

from harness.errors import EngineError
from tests.models.openai.engines import Raw, Start, ask, engine, sample


def test_an_answer_that_is_small_and_holds_much_is_not_parsed() -> None:
    body = b'{"choices":[' + b"[]," * 5_000_000 + b"0]}"
    with (
        Raw(200, body) as server,
        pytest.raises(EngineError, match="the answer holds more than fits into 134,217,728 bytes of memory"),
    ):
        server.sample(ask())


def test_an_answer_that_is_larger_is_an_error_at_once(loopback: Start) -> None:
    server = loopback(default="x" * 3000)
    with pytest.raises(EngineError, match=r"the answer is larger than 2,000 bytes; raise max_body_bytes"):
        sample(engine(server, max_body_bytes=2000), ask())
    assert server.stats["requests"] == 1


def test_many_choices_that_are_larger_are_asked_for_one_by_one(loopback: Start) -> None:
    one = engine(loopback(default="x" * 300), max_body_bytes=2000)
    assert len(sample(one, ask(), range(8))) == 1
    assert one.choices_per_request(ask()) == 1
