"""Corpora as versions, and the fixture `corpus`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import datasets
import datatrove  # noqa: F401
import pytest

from harness.config import Settings, VersionSettings
from harness.config.customization import BuildStep, DistilledSettings
from harness.errors import CorpusError, NotInLineageError, SettingsError
from harness.models.version import Version, load_version
from harness.stages.build_state import unseen
from harness.stages.building import built
from harness.stages.data.versions import build_version, find_version, load_corpus
from harness.stages.lineage import StageContext
from tests.stages.data.projects import STEPS, project, some_rows, write_lines

pytestmark = pytest.mark.service


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project with the corpus `clean`, of which nothing is built."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    write_lines(tmp_path / "web.jsonl", some_rows(20))
    made = project(tmp_path, "web.jsonl", ["steps:long_enough"])
    return replace(made, versions={"clean": made.corpora["clean"].version})


def test_what_was_built_is_named_by_the_version_and_found_by_its_recipe(settings: Settings) -> None:
    version = settings.version("clean")
    assert find_version(settings, version) is None
    made = build_version(settings, version, None, unseen)
    assert made == find_version(settings, version)
    assert made.artifact is not None
    assert made.artifact.is_here
    assert replace(made, artifact=None) == version
    assert load_version(made, settings.root).fingerprint == made.artifact.digest[:32]
    corpus = load_corpus(load_version(made, settings.root), StageContext(settings))
    assert (corpus.name, len(corpus), corpus["d5"].reason) == ("clean", 16, "long_enough")
    write_lines(settings.root / "web.jsonl", some_rows(21))
    assert find_version(settings, version) is None


def test_a_dataset_of_the_hub_is_loaded_once_by_who_wants_its_corpus(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "owner" / "once" / "train.jsonl", some_rows(20))
    corpora = {"clean": replace(settings.corpora["clean"], documents="owner/once")}
    settings = replace(settings, root=tmp_path / "project", corpora=corpora)
    settings.root.mkdir()
    (settings.root / "steps.py").write_text(STEPS, encoding="utf-8")
    loads, load = [], datasets.load_dataset
    monkeypatch.setattr(datasets, "load_dataset", lambda *given, **options: loads.append(1) or load(*given, **options))
    made = built(settings, "clean")
    assert made.artifact.is_here
    assert built(settings, "clean") == made
    assert loads == [1]


def test_a_corpus_knows_its_baseline_and_the_project(settings: Settings) -> None:
    version = load_version(build_version(settings, settings.version("clean"), None, unseen), settings.root)
    model = Version("small", VersionSettings("small", "scripted"), "0f")
    alone, weighed, against_a_model = (
        load_corpus(version, StageContext(settings, baseline=other)) for other in (None, version, model)
    )
    assert alone.root == settings.root
    assert alone.baseline is None
    assert weighed.baseline is not None
    assert weighed.baseline.fingerprint == weighed.fingerprint
    assert against_a_model.baseline is None


def test_documents_that_are_not_there_are_told_before_anything_is_built(settings: Settings) -> None:
    (settings.root / "web.jsonl").unlink()
    with pytest.raises(CorpusError, match=r"documents = 'web\.jsonl': there is no "):
        find_version(settings, settings.version("clean"))


def test_a_model_has_the_corpus_that_it_was_trained_on_and_so_has_its_baseline(settings: Settings) -> None:
    step = BuildStep("distilled", "student", DistilledSettings("large", "clean", layers=2))
    student = Version("student", VersionSettings("student", "scripted", steps=(step,)), "0f")
    with pytest.raises(SettingsError, match="clean is not built here, and --offline builds nothing"):
        load_corpus(student, StageContext(settings, is_offline=True))
    corpus = load_corpus(student, StageContext(settings, baseline=student))
    assert (corpus.name, len(corpus), corpus["d5"].reason, corpus.root) == ("clean", 16, "long_enough", settings.root)
    assert corpus.baseline is not None
    assert corpus.baseline.fingerprint == corpus.fingerprint
    assert len(corpus.rebuild(settings.root / "web.jsonl")) == 16


def test_a_model_that_was_trained_on_no_corpus_has_none(settings: Settings) -> None:
    model = Version("small", VersionSettings("small", "scripted"), "0f")
    with pytest.raises(NotInLineageError, match=r"^small has no corpus$") as raised:
        load_corpus(model, StageContext(settings))
    assert raised.value.advice == "small has no corpus"
