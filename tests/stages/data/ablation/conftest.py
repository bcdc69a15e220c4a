"""Small corpora of generated English, and what tiny models of a test are measured by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.config import Settings
from harness.config.corpora import CorpusSettings
from harness.stages.data.ablation.ablation import Ablation
from harness.stages.data.ablation.results import TrainedModel
from harness.stages.data.corpus import Corpus
from harness.stages.data.corpus_build import build_corpus
from tests.corpora.grammar import article
from tests.corpora.questions import cloze, held_out
from tests.stages.data.projects import write_lines

MakeCorpus = Callable[..., Corpus]
Trained = Callable[..., list[TrainedModel]]


def articles(number: int) -> list[tuple[str, str]]:
    """Ids and texts of clean documents."""
    return [(f"d{n:03}", article(Random(f"ablation:{n}"))) for n in range(number)]


def worsened(texts: Iterable[tuple[str, str]], every: int = 1) -> list[tuple[str, str]]:
    """The same with the words of every so manieth document in another order."""
    found = []
    for number, (identity, text) in enumerate(texts):
        words = text.split()
        Random(identity).shuffle(words)
        found.append((identity, text if number % every else " ".join(words)))
    return found


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with held_out.jsonl and cloze.jsonl."""
    folder = tmp_path_factory.mktemp("questions")
    write_lines(folder / "held_out.jsonl", held_out("tests", 6))
    write_lines(folder / "cloze.jsonl", cloze("tests", 20))
    return folder


@pytest.fixture(scope="session")
def make_corpus(tmp_path_factory: pytest.TempPathFactory) -> MakeCorpus:
    """A corpus of ids and texts, built as any other."""

    def make(name: str, texts: Iterable[tuple[str, str]]) -> Corpus:
        root = tmp_path_factory.mktemp(name)
        write_lines(root / "documents.jsonl", ({"id": identity, "text": text} for identity, text in texts))
        settings = CorpusSettings(name, "documents.jsonl", steps=(), tables={}, table=f"[corpora.{name}]")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STEELYARD_CACHE", str(root / "cache"))
            return build_corpus(Settings(root=root, prefix="", corpora={name: settings}), name)

    return make


@pytest.fixture(scope="session")
def good(make_corpus: MakeCorpus) -> Corpus:
    """English."""
    return make_corpus("good", articles(150))


@pytest.fixture(scope="session")
def bad(make_corpus: MakeCorpus) -> Corpus:
    """The same documents, with their words in another order."""
    return make_corpus("bad", worsened(articles(150)))


@pytest.fixture
def train(questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Trains on a corpus with some seeds; results are kept in a folder of the test's own."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))

    def trained(
        corpus: Corpus, *seeds: int, tokens: int = 10_240, told: Callable[[str], None] = lambda _: None, **options: Any
    ) -> list[TrainedModel]:
        async def all_of_them() -> list[TrainedModel]:
            ablation = Ablation(corpus, questions, told, is_offline=options.pop("is_offline", False))
            given = {"held_out": "held_out.jsonl", "cloze": "cloze.jsonl", "tokens": tokens, **options}
            try:
                return [await each for each in [ablation.train(seed, **given) for seed in seeds]]
            finally:
                await ablation.close()

        return asyncio.run(all_of_them())

    return trained


def run(awaitable: Coroutine[Any, Any, Any]) -> Any:
    """What an `async def` comes to."""
    return asyncio.run(awaitable)
