"""What is told of a training, and where it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.stages.training.telling import Teller, checkpoint_of


def test_steps_are_told_with_loss_speed_and_time_left() -> None:
    told: list[dict[str, Any]] = []
    teller = Teller(told.append, 4)
    for step in (1, 2):
        teller.step(step, 2.5, 100)
    assert [(each["done"], each["total"], each["unit"]) for each in told] == [(1, 4, "steps"), (2, 4, "steps")]
    assert told[0]["note"] == "loss 2.500"
    assert "tokens/s" in told[1]["note"]
    assert told[1]["note"].endswith("s left")
    teller.step(4, 2.5, 100)
    assert told[2]["note"].endswith("tokens/s"), "nothing is left"


def test_training_goes_on_from_the_newest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    assert checkpoint_of(tmp_path) is None
    for number, state in ((9, "{}"), (10, "{}"), (11, None), (12, ""), (13, '{"step":')):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state, "utf-8")
    assert checkpoint_of(tmp_path) == str(tmp_path / "checkpoint-10")
