"""The process that trains, started, watched and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.environment import python_path
from harness.errors import UsageError
from harness.stages.build_state import BuildState
from harness.stages.training import running
from harness.stages.training.running import LOG, train
from tests.stages.training.requests import request_of

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]


def test_what_it_tells_is_passed_on_and_its_log_goes(tmp_path: Path) -> None:
    told: list[BuildState] = []
    train(request_of(tmp_path, '{"text": "ships of the line and boats"}\n' * 3), told.append)
    assert [state.done for state in told if state.phase == "training"] == [1, 2]
    assert {state.version for state in told} == {"student"}
    assert (tmp_path / "to" / "model.safetensors").is_file()
    assert not (tmp_path / "to" / LOG).exists()


def test_why_it_could_not_train_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"d\.jsonl, line 1 is no JSON"):
        train(request_of(tmp_path, "ships"), lambda _: None)


@pytest.mark.parametrize(("visible", "first"), [(None, "0"), ("3,1", "3"), ("GPU-5c2b,GPU-88aa", "GPU-5c2b"), ("", "")])
def test_of_several_gpus_it_sees_the_first(
    visible: str | None, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each of them the trainer of transformers would read another batch in every step."""
    (tmp_path / "seeing.py").write_text(
        "import os\n"
        "from harness.errors import UsageError\n"
        "def train_here(order, progress):\n"
        "    raise UsageError('sees ' + os.environ['CUDA_VISIBLE_DEVICES'] + '.')\n"
    )
    monkeypatch.setenv("PYTHONPATH", python_path([str(tmp_path)]))
    monkeypatch.setattr(running, "_MODULE", "seeing")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UsageError, match=f"sees {first}\\."):
        train(request_of(tmp_path, '{"text": "ships"}\n'), lambda _: None)
