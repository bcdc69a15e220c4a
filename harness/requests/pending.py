"""Questions, the draws of them that are still to be made, and where these come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import MissingSampleError, SettingsError, SteelyardError
from harness.models.engine import WEIGHED, Engine
from harness.models.version import Version
from harness.records import NewSample, Request, Sample
from harness.records.keys import KeyedQuestion, case_number, request_text

Way = Literal["drawn", "greedy", "weighed"]
"""An answer that is left to chance, one at temperature 0, or the weights of a text."""


@dataclass(frozen=True, slots=True)
class SampleSource:
    """The source of the samples of one side of a comparison.

    Attributes:
        engine: None to answer from the store alone; `unasked` says why, where the version could not be asked rightly.
        generation: that new draws belong to.
        older: generations whose samples count where this one has none, in the order in which they are looked through:
            the newest first, but for a look of a gate, which goes by the oldest draws.
        first_index: keeps the draws of a baseline apart from those of a candidate that is the same version.
    """

    version: Version
    engine: Engine | None
    generation: int = 0
    first_index: int = 0
    older: tuple[int, ...] = ()
    unasked: str = ""

    def missing(self) -> SteelyardError:
        """The error for a sample that the store lacks, where there is no engine."""
        if self.unasked:
            return SettingsError(self.unasked)
        return MissingSampleError(f"a sample of {self.version.name} is not stored")

    def of_generations(self, draws: tuple[int, ...] | None) -> SampleSource:
        """The same source with samples of these generations, of the first of them that has one; itself for None."""
        return self if draws is None else replace(self, generation=draws[0], older=draws[1:])


@dataclass(slots=True)
class SampleOrigins:
    """Where one source's samples came from in this run: `n_asked` of a model, those in vain among them; `n_older` of
    older draws than the newest, which lack them; and when the oldest and newest of those from the store were drawn.
    """

    n_asked: int = 0
    oldest: float | None = None
    newest: float | None = None
    n_older: int = 0

    def add(self, samples: Sequence[Sample]) -> None:
        """Count some from the store."""
        if known := [sample.drawn_at for sample in samples if sample.drawn_at is not None]:
            self.oldest = min(known) if self.oldest is None else min(self.oldest, *known)
            self.newest = max(known) if self.newest is None else max(self.newest, *known)


class RenderedQuestion:
    """What a case asks of a version, rendered once for its samples, which ask it in one tick: `prompt` where that is
    all, the `request` as it is sent, with a seed of the case's own, and the question as a body asks it first.
    """

    __slots__ = ("case", "first", "prompt", "request", "text", "version", "way")

    def __init__(self, version: Version, case: str, request: Request, prompt: str | None = None) -> None:
        self.version, self.case, self.prompt = version, case, prompt
        way: Way = "greedy" if request.sampling.get("temperature") == 0 else "drawn"
        self.way: Way = "weighed" if request.kind in WEIGHED else way
        if self.way == "drawn" and isinstance(seed := request.sampling.get("seed"), int):
            request = replace(request, sampling={**request.sampling, "seed": seed + case_number(case)})
        self.request, self.text = request, request_text(version.fingerprint, request)
        self.first = KeyedQuestion(self.text, 0, case)

    def keyed(self, occurrence: int) -> KeyedQuestion:
        """The question with its number among those that a body asks alike."""
        return KeyedQuestion(self.text, occurrence, self.case) if occurrence else self.first


@dataclass(frozen=True, slots=True)
class PendingDraws:
    """Draws of one request that are still to be made, with its question and the key of its new draws."""

    source: SampleSource
    request: Request
    key: bytes
    indices: tuple[int, ...]
    question: KeyedQuestion | None = None

    @property
    def engine(self) -> Engine:
        """The engine that is to answer."""
        assert self.source.engine is not None
        return self.source.engine

    def of(self, indices: tuple[int, ...]) -> PendingDraws:
        """Some of them."""
        return self if indices == self.indices else replace(self, indices=indices)

    def drawn(self, samples: Sequence[Sample]) -> list[NewSample]:
        """Samples as they are stored."""
        place = self.key, self.source.version.fingerprint, self.source.generation, self.request
        return [NewSample(*place, sample) for sample in samples]
