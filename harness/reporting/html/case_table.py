"""The cases of a report as columns: short, and quick to read for a browser."""

from __future__ import annotations

import math
from typing import Any

from harness.records import Report, Verdict
from harness.reporting.html.details import DetailFiles


class CaseTable:
    """The cases of each evaluation: those that it was decided by in their order, then the others that have answers.

    Attributes:
        sets: for each evaluation its id, its cases, and the number of the file that has their details (0: none).
    """

    def __init__(self, report: Report, details: DetailFiles) -> None:
        by_id: dict[str, dict[str, int]] = {}
        for entry in report.evaluations:
            known = by_id.setdefault(entry.id, {})
            for case in entry.cases:
                known.setdefault(case.id, len(known))
        for evaluation, case_id in details.places:
            if evaluation in by_id:
                by_id[evaluation].setdefault(case_id, len(by_id[evaluation]))
        self._numbers = {name: number for number, name in enumerate(by_id)}
        self._cases = by_id
        self.sets = [
            {
                "id": name,
                "cases": list(known),
                "files": [details.places.get((name, case), 0) for case in known],
                "ended": [[known[case], outcome] for (of, case), outcome in details.outcomes.items() if of == name],
                "labelled": sorted(known[case] for of, case in details.labelled if of == name),
            }
            for name, known in by_id.items()
        ]

    def number(self, evaluation: str) -> int:
        """Give the number of an evaluation's cases in `sets`."""
        return self._numbers[evaluation]

    def place(self, evaluation: str, case_id: str) -> int:
        """Give the place of a case in its set; -1 where it is not in there."""
        return self._cases[evaluation].get(case_id, -1)

    def columns(self, entry: Verdict) -> dict[str, Any]:
        """The cases of one metric as columns: short, and quick to read."""
        columns: dict[str, Any] = {
            "candidate": [_mean(case.candidate) for case in entry.cases],
            "state": "".join(case.state[0] for case in entry.cases),
        }
        if entry.baseline is not None:
            columns["baseline"] = [_mean(case.baseline) for case in entry.cases]
        columns["n"] = _one_or_all([case.n for case in entry.cases])
        at = [self.place(entry.id, case.id) for case in entry.cases]
        if at != list(range(len(at))):
            columns["at"] = at
        return columns


def _mean(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _one_or_all(numbers: list[int]) -> int | list[int]:
    return numbers[0] if numbers and len(set(numbers)) == 1 else numbers
