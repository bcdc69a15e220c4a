"""What went wrong in an evaluation, and at which of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from harness.errors import CapabilityError, EngineError, MissingSampleError, UnreachableError, UnstorableError
from harness.gate.failures import describe, raised_at, user_frames
from harness.records import Role
from harness.statistics.arrays import FloatArray

_SHOWN = 5
_WHOLE = -1
"""Stands for the step of an error that belongs to none."""
_TEXT_KEPT = 1000


def missing_metrics(scores: Mapping[str, Mapping[Role, FloatArray]]) -> list[str]:
    """What is wrong with bodies that did not return the same metrics each time.

    Args:
        scores: of complete steps, by metric; NaN where a body gave none.
    """
    counts = {
        metric: sum(int(np.isnan(values).sum()) for values in by_role.values()) for metric, by_role in scores.items()
    }
    return [
        f"{missing:,} bodies returned no metric {metric!r}, others did; return the same metrics each time"
        for metric, missing in counts.items()
        if missing
    ]


class Tally:
    """Errors by their text, with the steps at which they came.

    Attributes:
        is_hopeless: whether more cases can't help: the body or the store is broken, the endpoint was given up, or an
            engine can't do what is asked of it.
    """

    def __init__(self) -> None:
        self._errors: dict[str, Counter[int]] = {}
        self._missing: Counter[int] = Counter()
        self._frames: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.is_hopeless = False

    def add(self, step: int, error: BaseException) -> None:
        """Take in what ended a body of a step."""
        if isinstance(error, MissingSampleError):
            self._missing[step] += 1
            return
        is_final = isinstance(error, UnreachableError | CapabilityError)
        if is_final or not isinstance(error, EngineError | UnstorableError):
            self.is_hopeless = True
        own = type(error).__module__.startswith("harness.")
        text = describe(error) if own else f"{type(error).__name__}: {describe(error)}{raised_at(error)}"
        text = text[:_TEXT_KEPT]
        self.note(text, step)
        if text not in self._frames or step < self._frames[text][0]:
            self._frames[text] = step, () if own else user_frames(error)

    def note(self, text: str, step: int = _WHOLE) -> None:
        """Note an error of a step, or of the evaluation as a whole."""
        self._errors.setdefault(text, Counter())[step] += 1

    def lines(self, end: int, case_of: Callable[[int], str]) -> tuple[str, ...]:
        """What went wrong before a step, most frequent first; empty if nothing did.

        Args:
            case_of: the id of the case of a step.
        """
        lines = []
        n_missing = sum(count for step, count in self._missing.items() if step < end)
        if n_missing:
            lines.append(f"{n_missing:,} samples are not in the store; run without --offline to draw them")
        ranked = self._ranked(end)
        for text, count, step in ranked[:_SHOWN]:
            place = "" if step == _WHOLE else f"case {case_of(step)!r}: "
            lines.append(place + (text if count == 1 else f"{text} ({count:,} bodies ended so)"))
        hidden = sum(count for _, count, _ in ranked[_SHOWN:])
        if hidden:
            lines.append(f"and {hidden:,} more errors")
        return tuple(lines)

    def traceback(self, end: int) -> tuple[str, ...]:
        """The user's frames of the most frequent error before a step."""
        return next((self._frames[text][1] for text, _, _ in self._ranked(end) if text in self._frames), ())

    def _ranked(self, end: int) -> list[tuple[str, int, int]]:
        """Text, number and first step of each error before a step."""
        found = []
        for text, by_step in self._errors.items():
            counted = {step: count for step, count in by_step.items() if step < end}
            if counted:
                found.append((text, sum(counted.values()), min(counted)))
        return sorted(found, key=lambda entry: (-entry[1], entry[0]))
