"""The exceptions of test bodies: their text, the user's lines that they came through, how many were met, and where."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.errors import (
    CapabilityError,
    EngineError,
    MissingSampleError,
    NotInLineageError,
    UnreachableError,
    UnstorableError,
)
from harness.records import Role
from harness.statistics.arrays import FloatArray

_SHOWN = 5
_NAMED = 3
_WHOLE = -1
"""Stands for the step of an error that belongs to none."""
_TEXT_KEPT = 1000
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
"""The parts in which messages of ours differ that are about the same: values and numbers."""
NOTHING_ASKED = (
    "no body asked the version under test anything, so nothing of it was weighed: ask `model` in the body; what weighs "
    "no version is a test without the marker"
)
_MOST_FRAMES = 5
_NOT_THE_USERS = (
    str(Path(__file__).parents[2]), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<frozen"
)  # fmt: skip
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


class _Met(NamedTuple):
    """An error of a step; those of one `group` are one message."""

    step: int
    text: str
    group: str
    frames: tuple[str, ...] | None


class BodyErrors:
    """Errors by what they have in common: the exception from the same line, or the text but for numbers and names.

    Attributes:
        is_hopeless: whether more cases can't help: the body or the store is broken, the endpoint was given up, or an
            engine can't do what is asked of it.
        lacking: the errors that say that a version was made without what the body asks about.
    """

    def __init__(self) -> None:
        self._met: list[_Met] = []
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
        kind, text = type(error).__name__, describe(error)
        if isinstance(error, EngineError) and error.cause is not None:
            self._add(step, text, f"because of {_VARYING.sub('', error.cause)}", ())
        elif type(error).__module__.startswith("harness."):
            self._add(step, text, f"{kind}: {_VARYING.sub('', text)}", ())
        else:
            place = raised_at(error)
            self._add(step, f"{kind}: {text}{place}", kind + (place or text), user_frames(error))

    def note(self, text: str, step: int = _WHOLE) -> None:
        """Note an error of a step, or of the evaluation as a whole."""
        self._add(step, text, text)

    def _add(self, step: int, text: str, group: str, frames: tuple[str, ...] | None = None) -> None:
        self._met.append(_Met(step, text[:_TEXT_KEPT], group[:_TEXT_KEPT], frames))

    @property
    def lacks_samples(self) -> bool:
        """Whether any sample was not in the store."""
        return bool(self._missing)

    def lines(self, end: int, case_of: CaseOf) -> tuple[str, ...]:
        """List what went wrong before a step, most frequent first; empty if nothing did."""
        n_missing = sum(count for step, count in self._missing.items() if step < end)
        text = f"{n_missing:,} samples are not in the store; run without --offline to draw them"
        ranked, lines = self._ranked(end), [text] if n_missing else []
        most = _SHOWN if len(ranked) <= _SHOWN else _SHOWN - 1
        lines += [_line(alike, case_of) for alike in ranked[:most]]
        if hidden := ranked[most:]:
            count, example = sum(map(len, hidden)), _line(hidden[0], case_of)
            lines.append(f"{count:,} others ended in {len(hidden):,} other ways, such as {example}")
        return tuple(lines)

    def late(self, end: int, case_of: CaseOf) -> str:
        """The most frequent error of steps that no longer counted, and of how many cases; "" where others did count."""
        steps = {each.step for each in self._met}
        if min(steps, default=-1) < end:
            return ""
        n_cases = len({case_of(step) for step in steps})
        line = _line(self._ranked(max(steps) + 1)[0], case_of)
        return f"{n_cases:,} {'case' if n_cases == 1 else 'cases'} ended in an error: {line}"

    def traceback(self, end: int) -> tuple[str, ...]:
        """The user's frames of the most frequent error before a step."""
        return next((alike[0].frames for alike in self._ranked(end) if alike[0].frames is not None), ())

    def _ranked(self, end: int) -> list[list[_Met]]:
        """The errors before a step, those alike together in the order of steps, the most frequent first."""
        by_text: dict[str, list[_Met]] = {}
        for each in sorted((each for each in self._met if each.step < end), key=lambda each: each[:2]):
            by_text.setdefault(each.group, []).append(each)
        return sorted(by_text.values(), key=lambda alike: (-len(alike), alike[0].text))


def _line(alike: Sequence[_Met], case_of: CaseOf) -> str:
    """The first of errors that are alike, its case, how many they are, and the other cases."""
    step, text = alike[0][:2]
    place = "" if step == _WHOLE else f"case {case_of(step)!r}: "
    if len(alike) == 1:
        return place + text
    first, *traceback = text.split("\n")
    differ = ", the texts differ" if len({each.text for each in alike}) > 1 else ""
    others = list(dict.fromkeys(case_of(each.step) for each in alike if each.step != _WHOLE))[1:]
    named = f"; also in {', '.join(map(repr, others[:_NAMED]))}" if others else ""
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    return "\n".join([f"{place}{first} ({len(alike):,} bodies ended so{differ}{named}{more})", *traceback])


def describe(error: BaseException) -> str:
    """Give the text of an exception, even of one whose `__str__` is broken."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's exception may do anything
        return f"(its text can't be read: {type(broken).__name__})"


def describe_assertion(error: BaseException) -> tuple[str, str]:
    r"""Give the message of a failed assertion and the assertion, as pytest writes both; "" for what it has not. Where
    values come from is kept only where the assertion alone says nothing.

    >>> describe_assertion(AssertionError("no capital\nassert 'Lima' in 'Quito'\n +  where 'Lima' = Case().expected"))
    ('no capital', "assert 'Lima' in 'Quito'")
    >>> describe_assertion(AssertionError("assert False\n +  where False = is_capital('Quito')"))
    ('', "assert False\n +  where False = is_capital('Quito')")
    """
    message, is_pytests, text = f"\n{describe(error)}".partition("\nassert ")
    values = text.partition("\n +")[0]
    assertion = f"assert {values if len(values.split()) > 1 else text}"
    return message.removeprefix("\n"), assertion if is_pytests else ""


def raised_at(error: BaseException) -> str:
    """The last line of a user's code that an exception came through, as ` (test_x.py:12: answer = parse(text))`."""
    lines = _lines(error)
    return f" ({lines[-1]})" if lines else ""


def user_frames(error: BaseException) -> tuple[str, ...]:
    """The last lines of a user's code that an exception came through, outermost first; () for a single one, which
    `raised_at` says.
    """
    lines = _lines(error)
    return tuple(lines[-_MOST_FRAMES:]) if len(lines) > 1 else ()


def _lines(error: BaseException) -> list[str]:
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if not frame.filename.startswith(_NOT_THE_USERS) and not any(part.endswith("-packages") for part in path.parts):
            place = f"{path.name}:{frame.lineno}"
            lines.append(f"{place}: {frame.line}" if frame.line else place)
    return lines
