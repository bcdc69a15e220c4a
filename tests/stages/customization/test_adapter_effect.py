"""What an adapter does is measured, and one that does nothing is called so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.config.customization import AdapterSettings
from harness.errors import EngineError, NotInLineageError
from harness.models.version import load_version
from harness.stages.building import built
from harness.stages.customization.adapter_effect import Adapter, AdapterEffect, load_adapter
from harness.stages.lineage import StageContext
from tests.config.settings_files import load
from tests.libraries import needed
from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import write_tiny_llama

needed("peft")

pytestmark = [pytest.mark.usefixtures("loaded_torch")]
TEXT = """
[models.plain]
engine = "transformers"
weights = "weights"
[models.own]
base = "plain"
adapter = "own"
[models.new]
base = "plain"
adapter = "new"
[models.both]
base = "own"
adapter = "small"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    weights = write_tiny_llama(folder / "weights")
    for name, scale in (("own", 0.5), ("small", 0.1), ("new", 0.0)):
        write_adapter(weights, folder / name, scale=scale)
    return folder


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STEELYARD_CACHE", str(project / "cache"))
    return load(project, TEXT)


def adapter_of(settings: Settings, name: str) -> Adapter:
    return load_adapter(load_version(built(settings, name), settings.root), StageContext(settings))


@pytest.mark.service
@pytest.mark.parametrize("name", ["own", "both"])
def test_what_it_does_is_measured(settings: Settings, name: str) -> None:
    adapter = adapter_of(settings, name)
    try:
        first, again = adapter.effect("abc abc"), adapter.effect("abc abc")
    finally:
        adapter.close()
    assert first == again
    assert first.effect > 0.01
    assert first.kl > 1e-6
    assert not first.is_noop
    assert not first.idle
    assert len(first.modules) == len(adapter.modules)
    assert "moves the logits by up to" in str(first)


@pytest.mark.service
def test_one_that_was_never_trained_is_called_a_no_op(settings: Settings) -> None:
    adapter = adapter_of(settings, "new")
    try:
        effect = adapter.effect("abc abc")
        with pytest.raises(EngineError, match=r"The adapter of new: .*the text has 0 tokens"):
            adapter.effect("")
    finally:
        adapter.close()
    assert effect.is_noop
    assert set(effect.idle) == set(effect.modules)
    assert str(effect).startswith("A no-op: the matrices of all 8 modules come to 0")


def test_other_no_ops_and_what_was_left_out_are_told() -> None:
    assert "its matrices are not 0" in str(AdapterEffect(0, 0, idle=(), modules=("a",), left_out=()))
    lost = AdapterEffect(0, 0, idle=(), modules=("a",), left_out=("b", "c"))
    assert str(lost) == "A no-op: peft put no matrices on modules that its files name (b, c)."
    partly = AdapterEffect(0.5, 0.1, idle=(), modules=("a",), left_out=("b", "c", "d", "e"))
    assert not partly.is_noop
    assert str(partly).endswith("But peft put no matrices on modules that its files name (b, c, d and 1 more).")


@pytest.mark.service
def test_what_it_was_trained_on_is_searched_for_cases(settings: Settings, project: Path) -> None:
    question = "Where do I find the blue box with the seven red buttons on it?"
    lines = [
        {"id": "l1", "prompt": question, "answer": "Under the stairs."},
        {"id": "l2", "prompt": "a", "answer": "b"},
        {"prompt": "c", "answer": "d"},
    ]
    (project / "d.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    cases = [
        {"id": "l2", "prompt": "Who keeps the keys of the shed behind the old house by the lake?"},
        {"id": "leak", "prompt": question},
    ]
    (project / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), "utf-8")
    version = load_version(built(settings, "own"), project)
    step = replace(version.settings.steps[-1], settings=AdapterSettings(data="d.jsonl"))
    trained = Adapter(version, step, StageContext(settings))
    found = trained.contamination("cases.jsonl")
    assert found["leak"].is_contaminated
    assert found["leak"].places[0].document == "l1"
    assert not found["l2"].is_contaminated
    assert trained.contamination(cases).contaminated[0].id == "leak"
    assert trained.trained_ids == {"l1", "l2"}, "the number of a line is no id of a case"
    ready = adapter_of(settings, "own")
    assert ready.trained_ids == frozenset()
    with pytest.raises(NotInLineageError, match="own has no training file"):
        ready.contamination("cases.jsonl")


def test_a_version_without_one_is_told_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(NotInLineageError, match="plain has no adapter") as caught:
        adapter_of(settings, "plain")
    assert "adapter = { data = … } in [models.plain]" in caught.value.advice
