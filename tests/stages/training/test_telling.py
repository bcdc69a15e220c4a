"""How far training is, in the words of a build."""

from __future__ import annotations

from typing import Any

from harness.stages.training.telling import Teller


def test_after_the_first_step_the_speed_and_what_is_left_are_told() -> None:
    told: list[dict[str, Any]] = []
    teller = Teller(told.append, 10)
    teller.step(4, 2.5, 100)
    teller.step(5, 2.25, 100)
    assert told[0] == {"phase": "training", "done": 4, "total": 10, "unit": "steps", "note": "loss 2.500"}
    assert (told[1]["done"], told[1]["total"]) == (5, 10)
    assert told[1]["note"].startswith("loss 2.250, ")
    assert "tokens/s, " in told[1]["note"]
    assert told[1]["note"].endswith(" s left")
