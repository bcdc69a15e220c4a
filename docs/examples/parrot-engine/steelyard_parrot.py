"""An engine for Steelyard that repeats its prompt, aloud or not, and at a temperature forgets a word now and then."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from harness import EngineError, Sample
from harness.extension import Capability, Engine, EngineOptions, EngineSpec, Request, VersionSettings, typed


class ParrotEngine(Engine):
    """Repeats the last message. Draw i of a request depends on the request, its seed and i, on nothing else."""

    capabilities = frozenset({Capability.SEED})

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._forgets = float(options.get("forgets", 0.0))
        self._voice = str.upper if options.get("voice") == "loud" else str

    def choices_per_request(self, request: Request) -> int:
        """A greedy answer is always the same: one is drawn."""
        return 1 if request.sampling.get("temperature") == 0 else 1_000

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """One answer for each index, in order."""
        heard = request.messages[-1].get("content")
        if not isinstance(heard, str):
            raise EngineError(f"{self.name} repeats text, and the last message has {heard!r}.")
        return [self._answer(request, heard, index) for index in indices]

    def _answer(self, request: Request, heard: str, index: int) -> Sample:
        words = heard.split()
        kept = [word for place, word in enumerate(words) if not self._is_forgotten(request, index, place)]
        limit = request.sampling.get("max_tokens", len(kept))
        return Sample(
            text=self._voice(" ".join(kept[:limit])),
            index=index,
            finish_reason="length" if len(kept) > limit else "stop",
            prompt_tokens=len(words),
            completion_tokens=min(len(kept), limit),
        )

    def _is_forgotten(self, request: Request, index: int, place: int) -> bool:
        if request.sampling.get("temperature") == 0:
            return False
        draw = (request.sampling.get("seed") or 0) + index  # draw i of a seed is draw 0 of seed + i
        digest = hashlib.sha256(f"{request.messages} {draw} {place}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < self._forgets * 2**32


@dataclass(frozen=True, kw_only=True)
class ParrotOptions(EngineOptions):
    """What a version's table may say beside what all may; another key or value is refused, and the error says why."""

    voice: Annotated[str, typed.OneOf(("loud", "quiet"))] = "quiet"
    forgets: typed.Share = 0.0


def create(settings: VersionSettings, root: Path) -> ParrotEngine:
    """Called once for all versions with the same `voice` and `forgets`."""
    return ParrotEngine(settings.engine_name, settings.engine_options)


PARROT = EngineSpec(
    summary="repeats its prompt",
    options=ParrotOptions,
    create=create,
    distributions=("steelyard-parrot",),
)
