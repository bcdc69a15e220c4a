"""Keeps what went wrong in an evaluation, and at which of its steps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from harness.errors import (
    CapabilityError,
    EngineError,
    MissingSampleError,
    NotInLineageError,
    UnreachableError,
    UnstorableError,
)
from harness.gate.evaluations.exceptions import describe, raised_at, user_frames
from harness.records import Role
from harness.statistics.arrays import FloatArray

_SHOWN = 5
_WHOLE = -1
"""Stands for the step of an error that belongs to none."""
_TEXT_KEPT = 1000
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
"""The parts in which messages of ours differ that are about the same: values and numbers."""
NOTHING_ASKED = (
    "no body asked the version under test anything, so nothing of it was weighed: ask `model` in the body; what weighs "
    "no version is a test without the marker"
)
CaseOf = Callable[[int], str]
"""The id of the case of a step."""


def missing_metrics(scores: Mapping[str, Mapping[Role, FloatArray]]) -> list[str]:
    """Say what is wrong with bodies that did not return the same metrics each time.

    Args:
        scores: of complete steps, by metric; NaN where a body gave none.
    """
    counts = {name: sum(int(np.isnan(each).sum()) for each in by_role.values()) for name, by_role in scores.items()}
    return [
        f"{count:,} bodies returned no metric {name!r}, others did; return the same metrics each time"
        for name, count in counts.items()
        if count
    ]


@dataclass(slots=True)
class _Alike:
    """Errors that are one message: the same exception from the same line, or the same text but for numbers and names.

    Attributes:
        shown: the step and text of the first of them, its example.
        frames: the user's frames of that one; None for what no body raised.
        met: the step of each, with a hash of its text.
    """

    shown: tuple[int, str]
    frames: tuple[str, ...] | None
    met: list[tuple[int, int]] = field(default_factory=list)

    def count(self, end: int) -> int:
        """Count those that came before a step."""
        return sum(step < end for step, _ in self.met)

    def line(self, end: int, case_of: CaseOf) -> str:
        """The example's case and text, and how many came before a step."""
        (step, text), count = self.shown, self.count(end)
        place = "" if step == _WHOLE else f"case {case_of(step)!r}: "
        if count == 1:
            return place + text
        first, *traceback = text.split("\n")
        differ = ", the texts differ" if len({digest for at, digest in self.met if at < end}) > 1 else ""
        return "\n".join([f"{place}{first} ({count:,} bodies ended so{differ})", *traceback])


class BodyErrors:
    """Errors by what they have in common, with the steps at which they came.

    Attributes:
        is_hopeless: whether more cases can't help: the body or the store is broken, the endpoint was given up, or an
            engine can't do what is asked of it.
        lacking: the errors that say that a version was made without what the body asks about.
    """

    def __init__(self) -> None:
        self._errors: dict[str, _Alike] = {}
        self._missing: Counter[int] = Counter()
        self.is_hopeless = False
        self.lacking: list[NotInLineageError] = []

    def add(self, step: int, error: BaseException) -> None:
        """Take in what ended a body of a step."""
        if isinstance(error, MissingSampleError):
            self._missing[step] += 1
            return
        if isinstance(error, NotInLineageError):
            self.lacking.append(error)
        is_final = isinstance(error, UnreachableError | CapabilityError)
        if is_final or not isinstance(error, EngineError | UnstorableError):
            self.is_hopeless = True
        kind, said = type(error).__name__, describe(error)
        if isinstance(error, EngineError) and error.cause is not None:
            self._add(step, said, f"because of {_VARYING.sub('', error.cause)}", ())
        elif type(error).__module__.startswith("harness."):
            self._add(step, said, f"{kind}: {_VARYING.sub('', said)}", ())
        else:
            place = raised_at(error)
            self._add(step, f"{kind}: {said}{place}", kind + (place or said), user_frames(error))

    def note(self, text: str, step: int = _WHOLE) -> None:
        """Note an error of a step, or of the evaluation as a whole."""
        self._add(step, text, text)

    def _add(self, step: int, text: str, group: str, frames: tuple[str, ...] | None = None) -> None:
        text = text[:_TEXT_KEPT]
        alike = self._errors.setdefault(group[:_TEXT_KEPT], _Alike((step, text), frames))
        alike.met.append((step, hash(text)))
        if (step, text) < alike.shown:
            alike.shown, alike.frames = (step, text), frames

    def lines(self, end: int, case_of: CaseOf) -> tuple[str, ...]:
        """List what went wrong before a step, most frequent first; empty if nothing did."""
        n_missing = sum(count for step, count in self._missing.items() if step < end)
        told = f"{n_missing:,} samples are not in the store; run without --offline to draw them"
        ranked, lines = self._ranked(end), [told] if n_missing else []
        most = _SHOWN if len(ranked) <= _SHOWN else _SHOWN - 1
        lines += [alike.line(end, case_of) for alike in ranked[:most]]
        if hidden := ranked[most:]:
            count = sum(alike.count(end) for alike in hidden)
            example = hidden[0].line(end, case_of)
            lines.append(f"{count:,} others ended in {len(hidden):,} other ways, such as {example}")
        return tuple(lines)

    def late(self, end: int, case_of: CaseOf) -> str:
        """The most frequent error of steps that no longer counted, and of how many cases; "" where others did count."""
        steps = {step for alike in self._errors.values() for step, _ in alike.met}
        if not steps or min(steps) < end:
            return ""
        n_cases, last = len({case_of(step) for step in steps}), max(steps) + 1
        told = self._ranked(last)[0].line(last, case_of)
        return f"{n_cases:,} {'case' if n_cases == 1 else 'cases'} ended in an error: {told}"

    def traceback(self, end: int) -> tuple[str, ...]:
        """The user's frames of the most frequent error before a step."""
        return next((alike.frames for alike in self._ranked(end) if alike.frames is not None), ())

    def _ranked(self, end: int) -> list[_Alike]:
        """The errors before a step, the most frequent first."""
        found = [alike for alike in self._errors.values() if alike.count(end)]
        return sorted(found, key=lambda alike: (-alike.count(end), alike.shown[1]))
