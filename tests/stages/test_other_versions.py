"""The teacher and the base of a version, as bodies ask them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import NotInLineageError
from harness.models.engine_creation import create_engine
from harness.models.version import Version, load_version
from harness.requests.pending import SampleSource
from harness.stages.building import built
from harness.stages.lineage import StageContext, load_base, load_teacher
from tests.config.settings_files import load

TEXT = """
[models.plain]
engine = "scripted"
default = "nine"
[models.rag]
base = "plain"
retrieval = { passages = "p.jsonl", k = 1 }
[models.polite]
base = "rag"
system = "Be polite."
[models.student]
engine = "transformers"
distilled = { teacher = "plain", data = "d", student = { layers = 1 } }
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": "a", "text": "Open at nine."}), "utf-8")
    return load(tmp_path, TEXT)


def version(settings: Settings, name: str) -> Version:
    return load_version(built(settings, name), settings.root)


@pytest.mark.parametrize("name", ["rag", "polite"])
def test_the_base_is_what_the_last_step_was_added_to(settings: Settings, name: str) -> None:
    other = load_base(version(settings, name), StageContext(settings))
    assert other.source.version == version(settings, "plain")
    assert other.is_own
    asyncio.run(other.close())


def test_a_version_of_the_run_is_asked_by_its_own_engine(settings: Settings) -> None:
    plain = version(settings, "plain")
    source = SampleSource(plain, create_engine(plain, settings.root), generation=3)
    other = load_base(version(settings, "rag"), StageContext(settings, sources=(source,)))
    assert (other.source, other.is_own) == (source, False)
    sharing = SampleSource(version(settings, "polite"), source.engine)
    other = load_base(version(settings, "rag"), StageContext(settings, sources=(sharing,)))
    assert (other.source.version.name, other.source.engine is source.engine, other.is_own) == ("plain", True, False)


@pytest.mark.parametrize("shares", [False, True], ids=["own engine", "engine of the run"])
def test_its_draws_are_of_the_generations_of_the_run(settings: Settings, shares: bool) -> None:
    """They were of the first for ever, so that `--fresh` and `max_age` changed nothing."""
    polite = version(settings, "polite")
    sources = (SampleSource(polite, create_engine(polite, settings.root), generation=9),) if shares else ()
    context = StageContext(settings, sources=sources, generations=lambda asked: {"plain": (4, 2)}[asked.name])
    source = load_base(version(settings, "rag"), context).source
    assert (source.generation, source.older, source.first_index) == (4, (2,), 0)


def test_offline_nothing_is_asked(settings: Settings) -> None:
    assert load_base(version(settings, "rag"), StageContext(settings, is_offline=True)).source.engine is None


def test_the_teacher_is_what_the_weights_were_distilled_from(settings: Settings) -> None:
    student = Version("student", settings.version("student"), "0" * 32)
    other = load_teacher(student, StageContext(settings))
    assert other.source.version.name == "plain"
    with pytest.raises(NotInLineageError, match="student has no base"):
        load_base(student, StageContext(settings))


def test_a_version_without_is_told_how_to_get_one(settings: Settings) -> None:
    plain = version(settings, "plain")
    with pytest.raises(NotInLineageError, match="plain has no teacher") as caught:
        load_teacher(plain, StageContext(settings))
    assert "[models.plain]" in caught.value.advice
    with pytest.raises(NotInLineageError, match="plain has no base"):
        load_base(plain, StageContext(settings))
