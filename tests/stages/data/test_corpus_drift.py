"""A corpus is compared with its baseline's, and one half of it with the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import NotInLineageError
from harness.stages.data.corpus import Corpus, open_corpus
from harness.stages.data.versions import build_corpus
from tests.stages.data.projects import project, write_lines

pytestmark = pytest.mark.service


def built(folder: Path, seed: int, longer: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    rows = [
        {"id": f"s{seed}-{n}", "text": " ".join(map(str, rng.integers(0, 99, rng.integers(5, 60) + longer)))}
        for n in range(400)
    ]
    write_lines(folder / f"{seed}.jsonl", rows)
    return build_corpus(project(folder, f"{seed}.jsonl"), "clean")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(folder / "cache"))
        return built(folder, 1).folder, built(folder, 2, longer=20).folder


@pytest.fixture
def corpora(folders: tuple[Path, Path]) -> tuple[Corpus, Corpus]:
    first, second = map(open_corpus, folders)
    second.baseline = first
    first.baseline = first
    return first, second


def test_drift_is_from_the_baseline(corpora):
    first, second = corpora
    assert second.drift("length").low > 0.3
    assert second.drift("length") is second.drift("length")
    assert first.drift("length").value == 0


def test_halves_are_an_a_a_of_one_corpus(corpora):
    found = corpora[1].drift("length", against="half")
    assert found.low < 0 < found.high
    assert found.value != 0


def test_without_a_baseline_the_remedy_is_told(corpora):
    corpora[1].baseline = None
    with pytest.raises(NotInLineageError, match="clean has no baseline with a corpus") as caught:
        corpora[1].drift("length")
    assert "--baseline NAME" in caught.value.advice
