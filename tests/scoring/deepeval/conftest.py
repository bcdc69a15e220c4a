"""A judge for deepeval's metrics: the scripted engine behind a real sampler and store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import LIGHT

if LIGHT:  # a folder's conftest is imported before the hooks of those above it are asked
    pytest.importorskip("deepeval")

from harness.config.versions import read_versions
from harness.models.engine import Capability
from harness.models.scripted.engine import ScriptedEngine
from harness.models.version import load_version
from harness.records import Request, Sample
from harness.requests import Model, Sampler, SampleSource, Trace
from harness.scoring.deepeval import measure
from harness.scoring.deepeval.cases import Fields
from harness.scoring.deepeval.judge_model import JudgeModel
from harness.scoring.judging.combining import MetricResult
from harness.store import Store


def known(fields: Fields) -> dict[str, Any]:
    """Fields as `judge.measure` hands them on."""
    return {name: getattr(fields, name) for name in Fields.__slots__}


class NotingScriptedEngine(ScriptedEngine):
    """A scripted engine that notes what it was asked."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.requests: list[Request] = []

    async def sample(self, request: Request, indices: Any) -> list[Sample]:
        self.requests.append(request)
        return await super().sample(request, indices)


@dataclass
class Judge:
    """Measures with a scripted version as the judge; `requests` and `last` are those of the last call."""

    folder: Path
    requests: list[Request]
    last: MetricResult | None = None

    def measure(
        self,
        metric: Any,
        answers: Mapping[str, Any] | str = "",
        *,
        fields: Fields | None = None,
        without: frozenset[Capability] = frozenset(),
        sampling: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> MetricResult:
        """One measurement, in a store of its own; what is wrong with it is raised.

        Args:
            answers: what the judge says to everything: the fields of all that the metric asks for, as one object, of
                which each question takes its own; or a text.
            sampling: of the judge.
        """
        text = answers if isinstance(answers, str) else json.dumps(answers)
        table = {"engine": "scripted", "default": text, "sampling": dict(sampling or {})}
        settings = read_versions({"the-judge": table}, where="test")["the-judge"]
        engine = NotingScriptedEngine("scripted (the-judge)", settings.engine_options, self.folder)
        engine.capabilities -= without
        self.requests = engine.requests

        async def run() -> MetricResult:
            with Store.open(str(self.folder / "store.db")) as store:
                sampler = Sampler(store, window=8)
                source = SampleSource(load_version(settings, self.folder), engine)
                try:
                    model = Model(sampler, source, 0, Trace(), is_other=True)
                    return await measure(model, metric, known(fields or COMPLETE) | options)
                finally:
                    await sampler.close()

        try:
            self.last = asyncio.run(run())
        finally:
            for leftover in self.folder.glob("store.db*"):
                leftover.unlink()
        if self.last.error is not None:
            raise self.last.error
        return self.last


#: A judge that is never asked.
NOBODY: Any = JudgeModel(SimpleNamespace(name="the judge"))  # type: ignore[arg-type]
COMPLETE = Fields(
    input="When was the bridge built?",
    output="The bridge was built in 1932.",
    expected="In 1932.",
    context=["The bridge was built in 1932.", "It spans the harbour."],
    tools=["search"],
    expected_tools=["search"],
)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path, [])


@pytest.fixture
def verdicts() -> Callable[..., list[dict[str, str]]]:
    """Verdicts in the form that all metrics of deepeval take."""

    def write(*words: str) -> list[dict[str, str]]:
        return [{"verdict": word, "reason": f"because {word}", "statement": "…"} for word in words]

    return write
