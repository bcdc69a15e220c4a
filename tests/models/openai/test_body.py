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
    server = loopback(default="x" * 17_000_000)
    with pytest.raises(EngineError, match=r"the answer is larger than 16,777,216 bytes"):
        sample(engine(server), ask())
    assert server.stats["requests"] == 1
