from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.ablation.results import TrainedModel, Training, find_result, keep_result

RESULT = TrainedModel(1, 1.25, 0.5, 4096, 12, 9000, 0.5, ((2048, 1.5), (4096, 1.25)), 2.5)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def training(tmp_path: Path) -> Training:
    (tmp_path / "held_out.jsonl").write_text("a")
    (tmp_path / "cloze.jsonl").write_text("b")
    return Training("f00", 1, AblationPlan(), tmp_path / "held_out.jsonl", tmp_path / "cloze.jsonl")


def test_a_result_is_found_again() -> None:
    assert find_result("key") is None
    keep_result("key", RESULT)
    assert find_result("key") == RESULT
    assert find_result("other") is None


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"seed": 1}'])
def test_a_file_that_is_broken_is_no_result(tmp_path: Path, broken: str) -> None:
    keep_result("key", RESULT)
    (tmp_path / "cache" / "ablations" / "key.json").write_text(broken)
    assert find_result("key") is None


def test_a_cache_that_can_t_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "file"))
    keep_result("key", RESULT)
    assert find_result("key") is None


@pytest.mark.parametrize(
    "change",
    [
        {"corpus": "f01"},
        {"seed": 2},
        {"plan": AblationPlan(tokens=4096)},
        {"plan": AblationPlan(most_epochs=5)},
        {"cloze": None},
    ],
)
def test_whatever_a_result_depends_on_is_in_its_key(training: Training, change: dict[str, Any]) -> None:
    assert dataclasses.replace(training, **change).key != training.key


def test_contents_are_in_the_key_and_names_are_not(training: Training, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text("a")
    assert dataclasses.replace(training, held_out=tmp_path / "other.jsonl").key == training.key
    (tmp_path / "other.jsonl").write_text("changed")
    assert dataclasses.replace(training, held_out=tmp_path / "other.jsonl").key != training.key
