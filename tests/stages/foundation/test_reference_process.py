from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import EngineError
from harness.stages.foundation.reference_process import Comparer


@pytest.fixture(scope="module")
def comparer(tiny_llama: Path) -> Comparer:
    options = {"weights": str(tiny_llama)}
    return Comparer({"options": options, "other": options, "root": str(tiny_llama)})


def test_a_model_is_no_way_from_itself(comparer: Comparer) -> None:
    answer = comparer.answer({"text": "abc and more"})
    assert not answer["is_lower_bound"]
    assert len(answer["positions"]) == len("abc and more") - 1
    for kl, back, same, change, own, reference, middle in answer["positions"]:
        assert (kl, back, same, change, middle) == (0.0, 0.0, True, 0.0, pytest.approx(0.0, abs=1e-12))
        assert own == reference < 0


def test_more_positions_than_are_compared_at_once_are_all_compared(comparer: Comparer) -> None:
    assert len(comparer.answer({"text": "x" * 300})["positions"]) == 300


@pytest.mark.parametrize(
    ("text", "message"), [("", "without tokens"), ("x" * 513, "has 513 tokens, and the weights read 512 at once")]
)
def test_what_can_t_be_read_at_once_is_refused(comparer: Comparer, text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        comparer.answer({"text": text})
