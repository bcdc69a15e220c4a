"""What all trainings have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.stages.training.sequences import IGNORED, TokenSequence
from harness.stages.training.trainers import Teller, checkpoint_of, collated, turns_of


@pytest.mark.parametrize(
    ("batch", "length", "at_once", "turns"),
    [
        (8, 128, 4096, 1),
        (8, 1024, 4096, 2),
        (8, 1025, 4096, 4),
        (6, 1000, 2000, 3),
        (7, 1000, 2000, 7),
        (2, 9000, 9, 2),
    ],
)
def test_a_step_is_computed_in_turns_of_equal_size_that_fit(batch: int, length: int, at_once: int, turns: int) -> None:
    assert turns_of(batch, length, at_once) == turns
    assert batch % turns == 0
    assert turns == batch or batch // turns * length <= at_once


def test_padding_is_not_looked_at_and_the_first_token_is_not_foretold() -> None:
    pytest.importorskip("torch")
    items = [TokenSequence((5, 6, 7), (5, 6, 7)), TokenSequence((8, 9), (IGNORED, 9))]
    batch = {name: rows.tolist() for name, rows in collated(items).items()}
    assert batch == {
        "input_ids": [[5, 6, 7], [8, 9, 0]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "labels": [[IGNORED, 6, 7], [IGNORED, 9, IGNORED]],
    }


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
    for number, state in ((9, "{}"), (10, "{}"), (11, None)):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state, "utf-8")
    assert checkpoint_of(tmp_path) == str(tmp_path / "checkpoint-10")
