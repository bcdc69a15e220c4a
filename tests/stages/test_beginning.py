"""What is known of weights before anything is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import UsageError
from harness.models.adapters.adapter_files import matrix_shapes
from harness.stages.beginning import Beginning, check_packages, find_beginning, kept_layers
from tests.config.settings_files import load
from tests.models.conftest import HIDDEN, LAYERS, write_tiny_llama

CHAIN = """
[models.teacher]
engine = "transformers"
weights = "tiny"
[models.pruned]
base = "teacher"
drop_layers = [1]
[models.student]
engine = "transformers"
distilled = { teacher = "pruned", data = "d.jsonl", student = { layers = 2 } }
[models.support]
base = "student"
adapter = { data = "d.jsonl" }
[models.other]
base = "support"
distilled = { teacher = "teacher", data = "d.jsonl" }
[models.own]
engine = "transformers"
distilled = { teacher = "teacher", data = "d.jsonl", student = { weights = "tiny" } }
[models.nothing]
engine = "transformers"
distilled = { teacher = "teacher", data = "d.jsonl" }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_tiny_llama(tmp_path / "tiny")
    return load(tmp_path, CHAIN)


def beginning_of(settings: Settings, name: str) -> Beginning:
    version = settings.version(name)
    return find_beginning(settings, version, version.steps)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("teacher", (0, 1, 2, 3)),
        ("pruned", (0, 2, 3)),
        ("student", (0, 3)),
        ("support", (0, 3)),
        ("other", (0, 3)),
        ("own", (0, 1, 2, 3)),
    ],
)
def test_a_chain_begins_with_weights_and_with_the_layers_that_its_settings_leave(
    settings: Settings, name: str, layers: tuple[int, ...]
) -> None:
    assert beginning_of(settings, name) == Beginning(settings.root / "tiny", layers, settings.root / "tiny")


def test_shapes_are_those_of_the_layers_that_are_left_under_their_new_numbers(settings: Settings) -> None:
    whole, left = matrix_shapes(settings.root / "tiny"), beginning_of(settings, "student").shapes
    names = {f"model.layers.{layer}.self_attn.q_proj" for layer in range(LAYERS)}
    assert names <= set(whole)
    assert names & set(left) == {f"model.layers.{layer}.self_attn.q_proj" for layer in range(2)}
    assert left["model.layers.1.self_attn.q_proj"] == (HIDDEN, HIDDEN)
    assert left["lm_head"] == whole["lm_head"]


def test_the_tokenizer_that_a_version_has_in_place_of_its_own_counts(settings: Settings) -> None:
    write_tiny_llama(settings.root / "other")
    other = load(settings.root, CHAIN.replace('base = "student"', 'base = "student"\ntokenizer = "other"'))
    (settings.root / "other" / "config.json").unlink()
    assert beginning_of(other, "support").vocabulary == settings.root / "other"
    assert beginning_of(other, "student").vocabulary == settings.root / "tiny"


def test_a_student_without_any_weights_is_told_to_have_some(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"it needs student = \{ layers = … \}, of the teacher's, or"):
        beginning_of(settings, "nothing")


@pytest.mark.parametrize(("count", "wanted", "kept"), [(4, 1, (0,)), (4, 2, (0, 3)), (5, 3, (0, 2, 4))])
def test_the_first_and_the_last_layer_are_kept(count: int, wanted: int, kept: tuple[int, ...]) -> None:
    assert kept_layers(count, wanted) == kept


@pytest.mark.parametrize("count", [None, 1, 2])
def test_no_more_layers_are_kept_than_there_are(count: int | None) -> None:
    with pytest.raises(UsageError, match=rf"student = {{ layers = 2 }}: the teacher has {count}; take fewer"):
        kept_layers(count, 2)


def test_what_is_not_installed_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_packages(("json",), "transformers")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(UsageError, match=r"it needs accelerate and peftt, .*\[customization\]"):
        check_packages(("accelerate", "json", "peftt"), "customization")
