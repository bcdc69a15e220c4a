"""What is built for versions, when, and how it is found again."""

from __future__ import annotations

from dataclasses import replace

import datatrove  # noqa: F401
import pytest

from harness.config import Settings, VersionSettings
from harness.errors import SettingsError
from harness.models.version import is_built, load_version
from harness.stages.build_state import BuildState
from harness.stages.building import BUILDERS, built, found, needs_building
from tests.stages.data.projects import project, some_rows, write_lines


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A project with the corpus `clean` and a model."""
    root = tmp_path_factory.mktemp("project")
    write_lines(root / "web.jsonl", some_rows(20))
    made = project(root, "web.jsonl", ["steps:long_enough"])
    versions = {"clean": made.corpora["clean"].version, "model": VersionSettings("model", "scripted")}
    return replace(made, versions=versions)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_every_builder_has_both_of_its_functions() -> None:
    for module in BUILDERS.values():
        builder = pytest.importorskip(module)
        assert callable(builder.find_version)
        assert callable(builder.build_version)


def test_a_model_needs_no_building(settings: Settings) -> None:
    assert not needs_building(settings.version("model"))
    assert built(settings, "model", offline=True) == settings.version("model") == found(settings, "model")


def test_a_corpus_is_built_once_and_told_of_meanwhile(settings: Settings) -> None:
    assert needs_building(settings.version("clean"))
    assert found(settings, "clean") == settings.version("clean")
    with pytest.raises(SettingsError, match=r"clean is not built here, and --offline builds nothing. `steelyard build"):
        built(settings, "clean", offline=True)
    states: list[BuildState] = []
    made = built(settings, "clean", progress=states.append)
    assert is_built(made)
    assert {state.version for state in states} == {"clean"}
    assert (states[0].phase, states[-1].phase) == ("starting", "done")
    again: list[BuildState] = []
    assert built(settings, "clean", progress=again.append, offline=True) == made == found(settings, "clean")
    assert again == []
    assert len(load_version(made, settings.root).fingerprint) == 32
