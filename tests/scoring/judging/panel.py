"""Judges whose answers a test writes, behind a real sampler and store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config.versions import read_versions
from harness.models.engine import Capability, Engine
from harness.models.version import load_version
from harness.records import Request, Sample
from harness.requests import Model, Sampler, SampleSource, Trace, call_body
from harness.scoring.judging import Judge, Rubrics
from harness.store import Store

Answer = Callable[[Request, int], str]


def rated(score: object, reason: str = "so it is") -> str:
    """An answer that rates."""
    return json.dumps({"reason": reason, "score": score})


def chosen(choice: object, reason: str = "so it is") -> str:
    """An answer that chooses."""
    return json.dumps({"reason": reason, "choice": choice})


class AnsweringEngine(Engine):
    """Answers with what a function makes of the request and the index; notes what it was asked."""

    capabilities = frozenset(Capability)

    def __init__(self, name: str, answer: Answer) -> None:
        self.name = name
        self.asked: list[tuple[Request, tuple[int, ...]]] = []
        self._answer = answer

    def choices_per_request(self, request: Request) -> int:
        return 1 if request.sampling.get("temperature") == 0 else 1000

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.asked.append((request, tuple(indices)))
        await asyncio.sleep(0)
        return [Sample(self._answer(request, index), index) for index in indices]


class Bench:
    """Runs bodies that take a judge.

    Attributes:
        engines: of the judges, by name.
        trace: of the last body.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.engines: dict[str, AnsweringEngine] = {}
        self.trace = Trace()
        self._sampling: Mapping[str, Any] = {}

    def seat(self, *, sampling: Mapping[str, Any] | None = None, **answers: Answer | str) -> None:
        """Give the panel its judges: what each says, or the function that does."""
        self._sampling = sampling or {}
        for name, answer in answers.items():
            given: Answer = answer if callable(answer) else lambda *_, text=answer: text
            self.engines[name] = AnsweringEngine(f"answering ({name})", given)

    def write(self, name: str, text: str) -> None:
        """Write a rubric."""
        (self._folder / name).write_text(text, encoding="utf-8")

    def run(self, body: Callable[..., Any], *, sample: int = 0, case_id: str = "peru") -> Any:
        """What a body gives, called once with the judge."""
        return self.run_all(body, samples=[sample], case_id=case_id)[0]

    def run_all(self, body: Callable[..., Any], *, samples: Sequence[int], case_id: str = "peru") -> list[Any]:
        """What a body gives, called at once for several samples of a case."""

        async def call(sampler: Sampler, sample: int) -> Any:
            self.trace = trace = Trace()
            models = [
                Model(sampler, SampleSource(self._version(name), engine), sample, trace, is_other=True)
                for name, engine in self.engines.items()
            ]
            return await call_body(body, {"judge": Judge(models, Rubrics((self._folder,)), case_id, trace)})

        async def run() -> list[Any]:
            with Store.open(str(self._folder / "store.db")) as store:
                sampler = Sampler(store, window=64)
                try:
                    return await asyncio.gather(*(call(sampler, sample) for sample in samples))
                finally:
                    await sampler.close()

        return asyncio.run(run())

    def _version(self, name: str) -> Any:
        table = {"engine": "scripted", "default": name, "sampling": dict(self._sampling)}
        return load_version(read_versions({name: table}, where="test")[name], self._folder)

    def indices(self, judge: str = "j") -> list[int]:
        """The indices of all draws of a judge, in the order of asking."""
        return [index for _, indices in self.engines[judge].asked for index in indices]
