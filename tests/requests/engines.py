"""An engine for tests: answers when told to, and notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from harness.errors import SteelyardError
from harness.models.engine import Capability, Engine
from harness.records import Request, Sample

TURNS = 20
"""Of the loop, which an answer takes."""


class NotingEngine(Engine):
    """Answers "TEXT/INDEX"; `says` instead of the text that it was asked, where that is given.

    Attributes:
        answers: requests are held as long as this is not set.
        asked: the indices of each request, in the order of asking.
        order: ("begin" | "end", name) of each request.
    """

    capabilities = frozenset({Capability.SEED})

    def __init__(
        self,
        name: str = "noting",
        *,
        device: str | None = None,
        most: int = 1000,
        gives: int | None = None,
        error: Exception | None = None,
        order: list[tuple[str, str]] | None = None,
        says: str | None = None,
    ) -> None:
        self.name = name
        self.device = device
        self.asked: list[tuple[int, ...]] = []
        self.order = [] if order is None else order
        self.held: list[SteelyardError] = []
        self.started = self.closed = 0
        self.in_flight = self.max_in_flight = 0
        self.start_error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self._most, self._gives, self._error = most, gives, error
        self._says = says

    async def start(self) -> None:
        self.started += 1
        await asyncio.sleep(0)
        if self.start_error is not None:
            raise self.start_error

    def choices_per_request(self, request: Request) -> int:
        return self._most

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.asked.append(tuple(indices))
        self.order.append(("begin", self.name))
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            for _ in range(TURNS):  # in which others begin
                await asyncio.sleep(0)
            await self.answers.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.in_flight -= 1
            self.order.append(("end", self.name))
        text = str(request.messages[-1]["content"]) if request.messages else ""
        text = self._says or text
        return [Sample(f"{text}/{index}", index) for index in indices[: self._gives]]

    def hold(self, error: SteelyardError) -> None:
        self.held.append(error)

    async def close(self) -> None:
        self.closed += 1
