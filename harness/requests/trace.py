"""The draws of one body, and what they were for."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any, Literal, get_args

from harness.records import Judgement, Request, Sample, ScoringRule

Way = Literal["drawn", "greedy", "weighed"]


class Trace:
    """The draws of one body, from all versions that it asked.

    Attributes:
        case: the id of the case that it runs for, to which its draws belong.
        own, others: in what ways the version under test was asked, and those that a body compares it with, or judges
            by: for an answer that is left to chance, for one at temperature 0, for the weights of a text.
        request: what the version under test was asked first.
        key, sample: of the last sample of the version under test, which stands for the body.
        lack: why a text that the body was given is not what the version has to say, in words; None where it is.
        truncated: whether any sample of that version was cut at max_tokens.
        drew: whether any sample had to be drawn, by this body or another one; the store had the others.
        error: the first error of an engine, a judge or the store, which counts even if the body catches it.
        generation: of the candidate's draws, to which the turns of simulated users belong.
        made: what was asked for, by the name of the method, with what is to be awaited for it.
        judgements: what each judge did that the body asked.
        judged_by: by whom and by what rule the body had something judged, the last time that it had.
    """

    __slots__ = (
        "case",
        "drew",
        "error",
        "generation",
        "judged_by",
        "judgements",
        "key",
        "lack",
        "made",
        "others",
        "own",
        "request",
        "sample",
        "truncated",
    )

    def __init__(self, case: str = "", generation: int = 0) -> None:
        self.case = case
        self.generation = generation
        self.own: set[Way] = set()
        self.others: set[Way] = set()
        self.request: Request | None = None
        self.key: bytes | None = None
        self.sample: Sample | None = None
        self.lack: str | None = None
        self.truncated = False
        self.drew = False
        self.error: BaseException | None = None
        self.made: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        self.judgements: list[Judgement] = []
        self.judged_by: ScoringRule | None = None

    @property
    def asked(self) -> bool:
        """Whether the version under test was asked anything."""
        return bool(self.own)

    @property
    def asked_others(self) -> bool:
        """Whether the version that a body compares it with, or a judge beside it, was."""
        return bool(self.others)

    @property
    def way(self) -> Way | None:
        """How what it is scored by came about: as the answers of the version under test did, where it gave any."""
        told = self.own - {"weighed"} or self.own | self.others
        return next((way for way in get_args(Way) if way in told), None)

    def unawaited(self) -> list[str]:
        """The names of what was asked for and never awaited."""
        return [name for name, work in self.made if inspect.getcoroutinestate(work) == inspect.CORO_CREATED]

    def drop_unawaited(self) -> None:
        """End what was never awaited, which Python would warn of; what a task is to run is that task's."""
        tasks = {task.get_coro() for task in asyncio.all_tasks()}
        for _, work in self.made:
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED and work not in tasks:
                work.close()

    def add(self, key: bytes, sample: Sample) -> None:
        """Note a sample of the version under test."""
        self.key, self.sample = key, sample
        self.truncated = self.truncated or sample.truncated
