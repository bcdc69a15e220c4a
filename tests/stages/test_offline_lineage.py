"""Whose stored samples are is known without what was built, once a store has it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType, FunctionType

import pytest

from harness.config import Settings, cache_dir
from harness.config.artifacts import Artifact, Builds, get_or_build, knowing, place_of
from harness.errors import SettingsError
from harness.models.adapters.adapter_files import read_adapter
from harness.models.version import load_version
from harness.models.weights.weights import folder_content, materialize
from harness.stages.building import built, version_named
from harness.stages.customization.adapter_recipe import KIND as ADAPTER
from harness.stages.customization.adapter_recipe import AdapterRecipe
from harness.stages.data.recipe import CORPORA, corpus_recipe
from harness.stages.data.versions import corpus_folder
from harness.stages.data.versions import find_version as find_corpus
from harness.stages.distillation.student_recipe import KIND as DISTILLED
from harness.stages.distillation.student_recipe import StudentRecipe, find_version
from tests.config.settings_files import load
from tests.models.adapters.adapters import write_adapter_head
from tests.models.conftest import write_tiny_llama

TEXT = """
[models.teacher]
engine = "transformers"
weights = "weights"
[models.student]
base = "teacher"
distilled = { teacher = "teacher", data = "d.jsonl", steps = 3 }
[models.tuned]
base = "student"
adapter = { data = "d.jsonl", rank = 4, steps = 3 }
[models.merged]
base = "student"
adapter = { data = "d.jsonl", rank = 4, steps = 3, merge = true }
[models.small]
base = "tuned"
quantized = "int8"
[models.ready]
base = "teacher"
adapter = "adapter"
[models.desk]
base = "teacher"
retrieval = { passages = "p.jsonl", k = 1 }
[corpora.raw]
documents = "d.jsonl"
[models.taught]
base = "teacher"
distilled = { teacher = "teacher", data = "raw", steps = 3 }
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose student and adapter lie in the cache as if they had been trained."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    write_tiny_llama(tmp_path / "weights")
    (tmp_path / "adapter").mkdir()
    write_adapter_head(tmp_path / "adapter", 4)
    lines = [{"id": str(n), "prompt": f"Where is {n}?", "answer": f"In {n}.", "text": f"In {n}."} for n in range(3)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    found = load(tmp_path, TEXT)
    student = found.version("student")
    get_or_build(
        DISTILLED,
        StudentRecipe(found, student, student.steps[-1], found.version("teacher")).recipe,
        lambda to: copy(write_tiny_llama(tmp_path / "own"), to),
        digest=folder_content,
    )
    tuned = replace(found.version("tuned"), engine_options=built(found, "student").engine_options)
    recipe = AdapterRecipe(found, tuned, tuned.steps[-1]).recipe
    get_or_build(ADAPTER, recipe, lambda to: copy(tmp_path / "adapter", to), digest=lambda to: read_adapter(to).digest)
    return found


def copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to, dirs_exist_ok=True)


@pytest.mark.service
@pytest.mark.parametrize("name", ["student", "tuned", "merged", "small"])
def test_the_fingerprint_is_the_same_when_all_that_was_built_is_gone(settings: Settings, name: str) -> None:
    with knowing(Builds()) as noted:
        made = built(settings, name)
        before = load_version(made, settings.root).fingerprint
    shutil.rmtree(cache_dir())
    with pytest.raises(SettingsError, match=f"{name} is not built here, and --offline builds nothing"):
        built(settings, name, offline=True)
    with knowing(Builds(noted.noted, is_offline=True)):
        again = built(settings, name, offline=True)
        assert load_version(again, settings.root, offline=True).fingerprint == before
        with pytest.raises(SettingsError, match="are not on this machine any more; without --offline"):
            materialize({key: value for key, value in again.engine_options.items() if key != "adapter"}, settings.root)
    assert not (cache_dir() / "distilled").exists()


def test_a_ready_adapter_needs_no_weights_that_it_could_be_held_against(settings: Settings) -> None:
    shutil.rmtree(settings.root / "weights")
    with knowing(Builds(is_offline=True)):
        assert built(settings, "ready", offline=True).engine_options["adapter"].path == settings.root / "adapter"


def test_offline_nothing_is_built_for_what_a_version_is_made_of(settings: Settings) -> None:
    shutil.rmtree(cache_dir())
    with knowing(Builds(is_offline=True)), pytest.raises(SettingsError, match="taught is not built here"):
        built(settings, "taught", offline=True)


def test_a_corpus_is_known_as_data_and_is_needed_where_it_is_looked_into(settings: Settings) -> None:
    recipe = corpus_recipe(settings, "raw")
    contents = {(CORPORA, corpus_folder(recipe).name): "c0ffee"}
    with knowing(Builds(contents, is_offline=True)):
        assert built(settings, "raw").artifact.digest == "c0ffee"
        with pytest.raises(SettingsError, match="raw is not built here"):
            built(settings, "raw", offline=True)
        with pytest.raises(SettingsError, match="taught is not built here"):
            built(settings, "taught", offline=True)


def test_a_student_is_known_by_a_corpus_that_is_gone(settings: Settings) -> None:
    contents = {(CORPORA, corpus_folder(corpus_recipe(settings, "raw")).name): "c0ffee"}
    taught = settings.version("taught")
    with knowing(Builds(contents, is_offline=True)):
        place = place_of(
            DISTILLED, StudentRecipe(settings, taught, taught.steps[-1], settings.version("teacher")).recipe
        )
    contents |= {(DISTILLED, place.name): "decade"}
    with knowing(Builds(contents, is_offline=True)):
        made = built(settings, "taught", offline=True)
    assert made.engine_options["weights"] is made.steps[-1].artifact == Artifact(place, "decade")
    assert load_version(made, settings.root, offline=True).fingerprint


def test_passages_are_needed_to_ask(settings: Settings) -> None:
    (settings.root / "p.jsonl").write_text('{"id": "a", "text": "It is in box seven."}\n', "utf-8")
    with knowing(Builds()) as noted:
        built(settings, "desk")
    shutil.rmtree(cache_dir() / "retrieval")
    with knowing(Builds(noted.noted, is_offline=True)), pytest.raises(SettingsError, match="desk is not built"):
        built(settings, "desk", offline=True)


def walks(work: Callable[[], object], function: FunctionType) -> list[str]:
    """The names of the versions that a builder is asked for, meanwhile."""
    walked: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is function.__code__:
            walked.append(frame.f_locals["version"].name)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return walked


def test_a_corpus_is_looked_for_once_in_a_run(settings: Settings) -> None:
    """For the check of the recipe, for its digest, and for the build it was looked for each time."""
    contents = {(CORPORA, corpus_folder(corpus_recipe(settings, "raw")).name): "c0ffee"}
    with knowing(Builds(contents, is_offline=True)):
        assert walks(lambda: [version_named(settings, each) for each in ("taught", "raw", "taught")], find_corpus) == [
            "raw"
        ]


def test_a_chain_of_teachers_is_walked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level walked the chain below it twice, so that a fifth student cost 31 walks."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    write_tiny_llama(tmp_path / "weights")
    (tmp_path / "d.jsonl").write_text('{"prompt": "a?", "answer": "b"}\n', "utf-8")
    names = [f"student{n}" for n in range(5)]
    teachers = ["teacher", *names]
    text = '[models.teacher]\nengine = "transformers"\nweights = "weights"\n'
    for name, teacher in zip(names, teachers, strict=False):
        text += f'[models.{name}]\nbase = "teacher"\n'
        text += f'distilled = {{ teacher = "{teacher}", data = "d.jsonl", steps = 3 }}\n'
    settings = load(tmp_path, text)
    for name, teacher in zip(names, teachers, strict=False):
        version = settings.version(name)
        recipe = StudentRecipe(settings, version, version.steps[-1], built(settings, teacher)).recipe
        get_or_build(DISTILLED, recipe, lambda to: copy(tmp_path / "weights", to), digest=folder_content)
    assert walks(lambda: built(settings, names[-1]), find_version) == names[::-1]
