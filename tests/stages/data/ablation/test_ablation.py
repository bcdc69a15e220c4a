from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.errors import CorpusError, EngineError, NotInLineageError
from harness.models.version import Version
from harness.stages.data.ablation.ablation import Ablation, load_ablation
from harness.stages.data.ablation.results import TrainedModel
from harness.stages.data.corpus import Corpus
from harness.stages.lineage import StageContext
from tests.processes import children
from tests.stages.data.ablation.conftest import MakeCorpus, Trained, articles

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]


def figures(found: list[TrainedModel]) -> list[dict[str, Any]]:
    """All that a result says, the time apart."""
    return [{**each.as_json(), "seconds": None} for each in found]


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "ablations").glob("*.json"))


@pytest.mark.nightly
def test_the_worse_corpus_makes_the_worse_model(train: Trained, good: Corpus, bad: Corpus) -> None:
    better, worse = (train(each, 1, 2, 3, tokens=20_480) for each in (good, bad))
    assert all(one.loss < other.loss - 0.03 for one, other in zip(better, worse, strict=True))
    assert {each.tokens for each in better + worse} == {20_480}


@pytest.mark.nightly
def test_trained_apart_is_trained_at_once(
    train: Trained, good: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after one seed, another process goes on with the rest, and comes to the same."""
    together = train(good, 1, 2)
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache" / "other"))
    (first,) = train(good, 1)
    times = {path: path.stat().st_mtime_ns for path in files(tmp_path / "cache" / "other" / "..")}
    rest = train(good, 1, 2)
    assert figures(rest) == figures(together)
    assert rest[0] == first, "with its seconds: it was kept, and not trained again"
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_what_was_trained_starts_no_process(train: Trained, good: Corpus, tmp_path: Path) -> None:
    found = train(good, 1)
    assert len(files(tmp_path)) == 1
    assert train(good, 1, 1, is_offline=True) == found * 2


def test_offline_trains_nothing(train: Trained, good: Corpus) -> None:
    with pytest.raises(
        EngineError, match=r"No model was trained on good with seed 7 before, and --offline trains none"
    ):
        train(good, 7, is_offline=True)


def test_the_order_of_the_documents_is_no_difference(train: Trained, good: Corpus, make_corpus: MakeCorpus) -> None:
    """An A/A: built again from a file in another order, it makes the very same models."""
    again = make_corpus("again", reversed(articles(150)))
    assert again.fingerprint == good.fingerprint
    assert figures(train(good, 1)) == figures(train(again, 1))


@pytest.mark.nightly
def test_one_seed_that_is_asked_for_twice_is_trained_once(
    good: Corpus, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    told: list[str] = []

    async def both() -> list[TrainedModel]:
        ablation = Ablation(good, questions, told.append)
        try:
            return list(
                await asyncio.gather(*(ablation.train(3, held_out="held_out.jsonl", tokens=40_960) for _ in range(2)))
            )
        finally:
            await ablation.close()

    one, other = asyncio.run(both())
    assert one is other
    assert one.cloze is None
    assert any(text.startswith("training on good, seed 3 ") for text in told)
    assert told[-1] == ""


def test_what_can_t_be_trained_says_why(train: Trained, good: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"The corpus good has [\d,]+ tokens"):
        train(good, 1, tokens=10**7)
    assert files(tmp_path) == []
    with pytest.raises(CorpusError, match=r"none.jsonl can't be read: No such file"):
        train(good, 1, held_out="none.jsonl")


def test_a_process_that_was_killed_is_an_error_of_its_own(good: Corpus, questions: Path) -> None:
    async def killed() -> None:
        ablation = Ablation(good, questions)
        task = asyncio.ensure_future(ablation.train(1, held_out="held_out.jsonl", tokens=10**6, most_epochs=10**5))
        try:
            while ablation.pid is None:
                await asyncio.sleep(0.05)
            os.kill(ablation.pid, 9)
            await task
        finally:
            await ablation.close()

    with pytest.raises(EngineError, match=r"the ablation of good: its process was killed \(signal 9\)"):
        asyncio.run(killed())


def test_a_process_that_is_just_being_started_ends_with_the_rest(good: Corpus, questions: Path) -> None:
    async def closed() -> None:
        before = children(os.getpid())
        ablation = Ablation(good, questions)
        task = asyncio.ensure_future(ablation.train(1, held_out="held_out.jsonl", tokens=10**6, most_epochs=10**5))
        while children(os.getpid()) == before:
            await asyncio.sleep(0)
        assert ablation.pid is None
        await ablation.close()
        assert children(os.getpid()) == before
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(closed())


def test_a_model_that_was_made_from_no_corpus_has_no_ablation(tmp_path: Path) -> None:
    version = Version("plain", VersionSettings("plain", "scripted"), "f00")
    with pytest.raises(NotInLineageError, match="plain has no corpus"):
        load_ablation(version, StageContext(Settings(root=tmp_path, prefix="")))


def test_results_are_frozen() -> None:
    found = TrainedModel(1, 0.5, None, 512, 1, 512, 1.0, (), 0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.loss = 0.0  # type: ignore[misc]
