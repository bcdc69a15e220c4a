"""Draws as tests need them."""

from __future__ import annotations

from typing import Any

from harness.statistics.labels.draws import Draw


def drawn(
    case: int | None = 0,
    probability: float = 0.5,
    predicted: tuple[float, ...] = (0.6,),
    passed: tuple[tuple[float, ...], ...] = (),
    **changes: Any,
) -> Draw:
    """A draw of an item whose sample is the only one of its case; the judge's scores are what is predicted."""
    rule = (-19.0, 20.0, 0.1, 0.1)
    fields = {
        "judged": predicted,
        "expected": predicted,
        "known_passed": (),
        "floor": 0.1,
        "rules": {"rate": rule, "difference": rule},
    }
    return Draw(case, (0,) * len(predicted), probability, predicted=predicted, passed=passed, **{**fields, **changes})
