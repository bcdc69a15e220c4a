"""The process that trains, started, watched and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.stages.build_state import BuildState
from harness.stages.training.running import LOG, train
from tests.stages.training.requests import request_of

pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("loaded_torch")


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
