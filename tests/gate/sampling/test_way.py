"""The way of one sample, from the marker of its evaluation to the verdict, as the modules that it passes."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import harness
from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.decisions import decide, first_looks
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.feeding import Feeder
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import order_of
from harness.models.engine_creation import create_engine
from harness.models.version import Version
from harness.records import Case, ScoreRow, Verdict
from harness.requests import Model, Sampler, SampleSource
from harness.store import Store

ROOT = str(Path(harness.__file__).parent)


@contextmanager
def calls() -> Iterator[Counter[str]]:
    """Count the calls of functions of the harness by module, in the order in which the modules are entered."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(ROOT) and frame.f_code.co_name != "<module>":
            found[name[len(ROOT) + 1 :]] += 1

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


async def body(model: Model, case: Case) -> None:
    assert await model.ask(case.prompt) == "yes"


def gate(store: Store, source: SampleSource, n_samples: int) -> tuple[Verdict, Counter[str]]:
    """An evaluation of one case from its marker to its verdict, and the calls on its way."""

    async def run() -> Verdict:
        sampler = Sampler(store, window=1)
        marker = {"samples": n_samples, "threshold": 0.5, "design": "fixed"}
        plan = read_plan(marker, Settings(root=Path()), where="test_it")
        evaluation = Evaluation("test_it", plan, (Case({"id": "one", "prompt": "?"}),), body, lambda _: "error")
        looks, order, rows = first_looks([evaluation.id]), order_of(evaluation, 1, 0), list[ScoreRow]()
        entry = Entry(looks[evaluation.id])
        collector = Collector(evaluation, order, {"candidate": "v" * 32}, rows.append, entry)
        await Feeder({"candidate": source}, (), sampler, 1, 0.05).feed(collector)
        await sampler.close()
        store.add_scores("run", rows)
        (verdict,) = decide(collector.observed(), 0.95, looks=looks)
        return verdict

    with calls() as found:
        return asyncio.run(run()), found


@pytest.mark.parametrize(("kind", "most_of_a_sample", "most"), [("drawn", 17, 59), ("replayed", 12, 56)])
def test_a_sample_passes_few_modules(store: Store, tmp_path: Path, kind: str, most_of_a_sample: int, most: int) -> None:
    """Those that are called once more for one more sample, and all from the marker to the verdict."""
    settings = VersionSettings("v", "scripted", engine_options={"default": "yes"})
    version = Version("v", settings, fingerprint="v" * 32)
    source = SampleSource(version, create_engine(version, tmp_path))
    if kind == "replayed":
        gate(store, source, 8)
    (_, few), (verdict, many) = (gate(store, replace(source, generation=n * (kind == "drawn")), n) for n in (7, 8))
    own = [module for module in many if many[module] > few[module]]
    print(f"\n{kind}: {len(own)} modules of {len(many)}:", *own, sep="\n  ")
    print("beside:", *(module for module in many if module not in own))
    assert verdict.candidate is not None
    assert (verdict.candidate.value, verdict.n_samples) == (1, 8)
    assert len(own) <= most_of_a_sample
    assert len(many) <= most
