"""The draws of one body, and what they were for."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from harness.records import Judgement, Request, Sample, ScoringRule
from harness.records.keys import KeyedQuestion


class Trace:
    """The draws of one body, from all versions that it asked.

    Attributes:
        asked: what the version under test was asked, in the order in which the answers were wanted.
        asked_others: what the version that a body compares it with, and judges beside it, were asked.
        request: what the version under test was asked first.
        key, sample: of the last sample of the version under test, which stands for the body.
        lack: why a text that the body was given is not what the version has to say, in words; None where it is.
        truncated: whether any sample of that version was cut at max_tokens.
        drew: whether any sample had to be drawn, by this body or another one; the store had the others.
        error: the first error of an engine, a judge or the store, which counts even if the body catches it.
        is_drawn: whether any version was asked something that leaves the answer to chance.
        shared: keys of what the version under test was asked whose answers another case may share: its first question
            that leaves the answer to chance, and the first one of each conversation; with a `seed`, every one.
        case_number: gives a number of what the body's case holds; 0 where nothing is known of it.
        generation: of the candidate's draws, to which the turns of simulated users belong.
        first_drawn: the first question of the version under test that leaves the answer to chance.
        made: what was asked for, by the name of the method, with what is to be awaited for it.
        judgements: what each judge did that the body asked.
        judged_by: by whom and by what rule the body had something judged, the last time that it had.
    """

    __slots__ = (
        "asked",
        "asked_others",
        "case_number",
        "drew",
        "error",
        "first_drawn",
        "generation",
        "is_drawn",
        "judged_by",
        "judgements",
        "key",
        "lack",
        "made",
        "request",
        "sample",
        "shared",
        "truncated",
    )

    def __init__(self, case_number: Callable[[], int] = lambda: 0, generation: int = 0) -> None:
        self.case_number = case_number
        self.generation = generation
        self.first_drawn: bytes | None = None
        self.shared: dict[int, bytes] = {}
        self.asked: list[KeyedQuestion] = []
        self.asked_others: list[KeyedQuestion] = []
        self.request: Request | None = None
        self.key: bytes | None = None
        self.sample: Sample | None = None
        self.lack: str | None = None
        self.truncated = False
        self.drew = False
        self.is_drawn = False
        self.error: BaseException | None = None
        self.made: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        self.judgements: list[Judgement] = []
        self.judged_by: ScoringRule | None = None

    @property
    def is_greedy(self) -> bool:
        """True where it asked something and left nothing to chance: temperature 0, or text that is weighed."""
        return bool(self.asked or self.asked_others) and not self.is_drawn

    def unawaited(self) -> list[str]:
        """The names of what was asked for and never awaited."""
        return [name for name, work in self.made if inspect.getcoroutinestate(work) == inspect.CORO_CREATED]

    def drop_unawaited(self) -> None:
        """End what was never awaited, which Python would warn of; what a task is to run is that task's."""
        tasks = {task.get_coro() for task in asyncio.all_tasks()}
        for _, work in self.made:
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED and work not in tasks:
                work.close()

    def all_asked(self) -> bytes | None:
        """A digest of all that the version under test was asked; None for nothing. Cases that share it share samples.

        What others were asked counts where the version under test was asked nothing. A judge's questions about one
        answer make no second answer of it. The order makes no difference: of questions that were asked side by side it
        would be that of the answers.
        """
        asked = self.asked or self.asked_others
        if not asked:
            return None
        keys = sorted(question.key(0) for question in asked)
        return hashlib.blake2b(b"".join(keys), digest_size=16).digest()

    def number_apart(self, text: bytes, apart: int) -> int:
        """A number that keeps the answer to a question of the version under test apart from those of other bodies.

        A body that was asked something before has come to its question by that: another one that comes to the same
        words (`Is this right: yes`) from elsewhere must not share their answer, for a single lucky one would count in
        both of them. Bodies that begin alike share what they begin with, which `shared` tells.

        Args:
            apart: a number of all that is asked together, or 0.
        """
        if apart == 0 and text != self.first_drawn is not None:
            return _number(self.first_drawn)
        if apart not in self.shared:
            self.shared[apart] = KeyedQuestion(text, apart).key(0)
        if self.first_drawn is None:
            self.first_drawn = text + b"|%d" % apart if apart else text
        return apart

    def share(self, text: bytes) -> int:
        """Note a question with a `seed`, and give the number of no other draw: all who ask it get this answer."""
        self.shared[_number(text)] = KeyedQuestion(text).key(0)
        return 0

    def add(self, key: bytes, sample: Sample) -> None:
        """Note a sample of the version under test."""
        self.key, self.sample = key, sample
        self.truncated = self.truncated or sample.truncated


def _number(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") or 1
