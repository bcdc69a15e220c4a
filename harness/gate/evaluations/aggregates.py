"""Figures over all cases at once, told beside a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.gate.evaluations.examples import Place
from harness.records import Aggregate, CaseResult, Role
from harness.scoring.results import Reading

Aggregation = Callable[[Sequence[Any]], Mapping[str, float]]
"""Makes named figures of the parts of many bodies."""
_ROLES: tuple[Role, ...] = ("candidate", "baseline")


class Parts:
    """The parts that the bodies of one evaluation gave for figures over all of them."""

    def __init__(self) -> None:
        self._parts: dict[Place, Any] = {}

    def keep(self, place: Place, readings: Mapping[str, Reading]) -> None:
        """Keep the part of one body, if it gave one."""
        part = next((reading.part for reading in readings.values() if reading.part is not None), None)
        if part is not None:
            self._parts[place] = part

    def aggregates(
        self, aggregation: Aggregation, cases: Sequence[CaseResult], numbers: Mapping[str, int]
    ) -> tuple[Aggregate, ...]:
        """The figures of both versions.

        Args:
            cases: that were decided by.
            numbers: of each case, by its id; parts are taken in their order, whatever order was drawn.
        """
        n_samples = max((case.n for case in cases), default=0)
        rows = sorted(numbers[case.id] for case in cases)
        figures: dict[Role, Mapping[str, float]] = {}
        for role in _ROLES:
            places = ((role, row, sample) for row in rows for sample in range(n_samples))
            parts = [self._parts[place] for place in places if place in self._parts]
            figures[role] = aggregation(parts) if parts else {}
        ours, theirs = figures["candidate"], figures["baseline"]
        return tuple(Aggregate(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs]))
