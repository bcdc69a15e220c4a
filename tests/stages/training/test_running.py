"""The process that trains, started, watched and ended."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from harness.config.customization import DistilledSettings
from harness.errors import UsageError
from harness.stages.build_state import BuildState
from harness.stages.training.request import TrainingRequest
from harness.stages.training.running import LOG, train
from harness.stages.training.texts import TrainingData
from tests.models.conftest import write_tiny_llama

pytest.importorskip("torch")


def request_of(folder: Path, text: str) -> TrainingRequest:
    """A student of two steps, of a teacher that it is equal to."""
    (folder / "d.jsonl").write_text(text, "utf-8")
    write_tiny_llama(folder / "tiny")
    (folder / "to").mkdir()
    return TrainingRequest(
        version="student",
        settings=DistilledSettings("teacher", "d.jsonl", steps=2, batch=1, length=8),
        data=TrainingData("d.jsonl", folder / "d.jsonl", "digest", is_corpus=False),
        start=folder / "tiny",
        teacher=folder / "tiny",
        targets=folder / "targets",
        folder=folder / "to",
        threads=1,
    )


def test_a_request_is_what_a_process_is_handed(tmp_path: Path) -> None:
    asked = request_of(tmp_path, "")
    assert pickle.loads(pickle.dumps(asked)) == asked


@pytest.mark.slow
def test_what_it_tells_is_passed_on_and_its_log_goes(tmp_path: Path) -> None:
    told: list[BuildState] = []
    train(request_of(tmp_path, '{"text": "ships of the line and boats"}\n' * 3), told.append)
    assert [state.done for state in told if state.phase == "training"] == [1, 2]
    assert {state.version for state in told} == {"student"}
    assert (tmp_path / "to" / "model.safetensors").is_file()
    assert not (tmp_path / "to" / LOG).exists()


@pytest.mark.slow
def test_why_it_could_not_train_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"d\.jsonl, line 1 is no JSON"):
        train(request_of(tmp_path, "ships"), lambda _: None)
