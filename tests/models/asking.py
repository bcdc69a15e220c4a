"""What tests ask an engine, and the loop in which they do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from harness.records import Request

T = TypeVar("T")


class Loop:
    """Runs coroutines of the tests in one loop, as the sampler does."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def chat(text: str = "Hi", **fields: Any) -> Request:
    sampling = fields.pop("sampling", {"temperature": 1.0, "max_tokens": 6})
    return Request(messages=({"role": "user", "content": text},), sampling=sampling, **fields)
