"""Reads what a test body returned: one or several named scores.

A body that fails an assertion returns nothing: `harness/gate/evaluations/score_table.py` makes it a 0.
"""

from __future__ import annotations

import inspect
import math
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ScoreError, shortened
from harness.records import Kind, Measure, Score, ScoringRule

METRIC = "score"
"""The name of the metric of a body that returns a single score."""


@dataclass(frozen=True, slots=True)
class Reading(Kind):
    """One metric of one body: its value, and of what kind it is.

    `judged_by` says by whom and by what rule, where a judge had a part in it; `part` is what figures over all cases at
    once are made of, for an evaluation that has some.
    """

    value: float
    reason: str | None = None
    part: Any = None
    judged_by: ScoringRule | None = None


PASS = Reading(1.0)
_LARGEST = 1e100


def read_result(result: Any) -> dict[str, Reading]:
    """The metrics in what a body returned.

    None is 1 (the body got to its end), a bool or a number in [0, 1] is the score, a `Score` or `Measure` is itself,
    a dict is several metrics.

    Raises:
        ScoreError: anything else, NaN, or a number outside [0, 1].

    >>> read_result(None)["score"].value
    1.0
    >>> sorted(read_result({"exact": True, "f1": 0.5}))
    ['exact', 'f1']
    """
    if isinstance(result, Mapping):
        if not result:
            raise ScoreError("The body returned an empty dict; return at least one metric, or nothing for a pass.")
        for name in result:
            if not isinstance(name, str) or not name:
                raise ScoreError(f"The body returned a metric named {name!r}; names are texts.")
        return {name: _reading(value, name) for name, value in result.items()}
    return {METRIC: PASS if result is None else _reading(result, METRIC)}


def _reading(value: Any, metric: str) -> Reading:
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise ScoreError(
            f"{metric}: the body returned what it did not await; write `return await …` in an `async def`."
        )
    if isinstance(value, Reading):
        return value
    reason = getattr(value, "reason", None) if isinstance(value, Score | Measure) else None
    if not isinstance(reason, str | None):
        raise ScoreError(f"{metric}: reason={shortened(reason)} is not a text.")
    if isinstance(value, Measure):
        return _measured(value, metric)
    if not isinstance(value, Score):
        return Reading(_in_range(value, metric))
    return Reading(_in_range(value.value, metric), reason, judged_by=value.judged_by)


def _measured(measure: Measure, metric: str) -> Reading:
    if not isinstance(measure.unit, str) or not measure.unit:
        raise ScoreError(f"{metric}: Measure(unit={measure.unit!r}) has no unit; write what it counts, such as 's'.")
    if not isinstance(measure.higher_is_better, bool):
        raise ScoreError(f"{metric}: Measure(higher_is_better={measure.higher_is_better!r}) is neither True nor False.")
    figure = _finite(measure.value, metric)
    if abs(figure) > _LARGEST:
        raise ScoreError(f"{metric}: Measure({figure:g}) is beyond ±{_LARGEST:g}, where no mean can be taken.")
    least, most = _span(measure, metric)
    if least is not None and most is not None and not least <= figure <= most:
        side = f"above at_most={most:g}" if figure > most else f"below at_least={least:g}"
        raise ScoreError(
            f"{metric}: the body measured {figure:g} {measure.unit}, {side}: cut it in the body, as a timeout would "
            f"(`max({least:g}, min(value, {most:g}))`), or declare a wider range."
        )
    statistic = "p50" if measure.statistic == "median" else measure.statistic
    if not (statistic is None or (isinstance(statistic, str) and re.fullmatch(r"p[1-9][0-9]?", statistic))):
        raise ScoreError(
            f"{metric}: statistic={shortened(statistic)} is no quantile; write 'median', or 'p1' to 'p99', such as "
            "'p95'."
        )
    return Reading(
        figure,
        measure.reason,
        unit=measure.unit,
        higher_is_better=measure.higher_is_better,
        at_least=least,
        at_most=most,
        statistic=statistic,
    )


def _span(measure: Measure, metric: str) -> tuple[float | None, float | None]:
    """The declared range, from 0 where only its end was given; two None for none."""
    if measure.at_most is None:
        if measure.at_least is not None:
            raise ScoreError(f"{metric}: at_least={measure.at_least!r} alone is no range; write at_most= as well.")
        return None, None
    least, most = 0.0 if measure.at_least is None else measure.at_least, measure.at_most
    for name, end in (("at_least", least), ("at_most", most)):
        if not _is_number(end) or not abs(end) <= _LARGEST:
            raise ScoreError(f"{metric}: {name}={shortened(end)} is no finite number; write the end of the range.")
    if not least < most:
        raise ScoreError(f"{metric}: at_least={least:g} is not below at_most={most:g}: that is no range.")
    return float(least), float(most)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _finite(value: Any, metric: str) -> float:
    if isinstance(value, bool | numbers.Real) or type(value).__name__ in ("bool", "bool_"):  # numpy 2, 1
        if math.isfinite(value):
            return float(value)
        raise ScoreError(f"{metric}: the body returned {value!r}, which is no score.")
    raise ScoreError(
        f"{metric}: the body returned {shortened(value)}; return nothing, a bool, a number in [0, 1], harness.Score, "
        "harness.Measure, or a dict of them."
    )


def _in_range(value: Any, metric: str) -> float:
    number = _finite(value, metric)
    if not 0 <= number <= 1:
        raise ScoreError(
            f"{metric}: the body returned {number:g}, which is outside [0, 1]. "
            "Scale it, or return harness.Measure(value, unit) for a figure in a unit."
        )
    return number
