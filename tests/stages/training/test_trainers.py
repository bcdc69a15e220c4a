"""What all trainings have in common."""

from __future__ import annotations

import pytest

from harness.stages.training.sequences import IGNORED, TokenSequence
from harness.stages.training.trainers import collated, turns_of


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
