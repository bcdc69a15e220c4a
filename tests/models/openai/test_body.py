"""Bodies of answers are read up to a limit."""

from __future__ import annotations

import pytest

from harness.errors import EngineError
from tests.models.openai.engines import Start, ask, engine, sample


def test_an_answer_that_is_larger_is_an_error_at_once(loopback: Start) -> None:
    server = loopback(default="x" * 17_000_000)
    with pytest.raises(EngineError, match=r"the answer is larger than 16,777,216 bytes"):
        sample(engine(server), ask())
    assert server.stats["requests"] == 1
