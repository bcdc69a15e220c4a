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


def read_result(result: Any, *, is_aimed: bool = False) -> dict[str, Reading]:
    """The metrics in what a body returned.

    None is 1 (the body got to its end), a bool or a number in [0, 1] is the score, a `Score` or `Measure` is itself,
    a dict is several metrics.

    Args:
        is_aimed: whether the marker says which way is better, so that a measure of a time need not.

    Raises:
        ScoreError: anything else, NaN, or a number outside [0, 1].

    >>> read_result(None)["score"].value
    1.0
    >>> sorted(read_result({"exact": True, "f1": 0.5}))
    ['exact', 'f1']
    """
    if not isinstance(result, Mapping):
        return {METRIC: PASS if result is None else _reading(result, METRIC, is_aimed)}
    if not result:
        raise ScoreError("The body returned an empty dict; return at least one metric, or nothing for a pass.")
    for name in result:
        if not isinstance(name, str) or not name:
            raise ScoreError(f"The body returned a metric named {name!r}; names are texts.")
    return {name: _reading(value, name, is_aimed) for name, value in result.items()}


def _reading(value: Any, metric: str, is_aimed: bool) -> Reading:
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise ScoreError(
            f"{metric}: the body returned what it did not await; write `return await …` in an `async def`."
        )
    if isinstance(value, Reading):
        return value
    reason = value.reason if isinstance(value, Score | Measure) else None
    if not isinstance(reason, str | None):
        raise ScoreError(f"{metric}: reason={shortened(reason)} is not a text.")
    if isinstance(value, Measure):
        return _measured(value, metric, is_aimed)
    number = _finite(value.value if isinstance(value, Score) else value, metric)
    if not 0 <= number <= 1:
        raise ScoreError(
            f"{metric}: the body returned {number:g}, which is outside [0, 1]. "
            "Scale it, or return harness.Measure(value, unit) for a figure in a unit."
        )
    return Reading(number, reason, judged_by=value.judged_by if isinstance(value, Score) else None)


def _measured(measure: Any, metric: str, is_aimed: bool) -> Reading:
    figure = _finite(measure.value, metric)
    least, most = measure.at_least, measure.at_most
    higher = True if is_aimed and measure.higher_is_better is None else measure.higher_is_better
    if most is not None and least is None:
        least = 0.0
    ends: dict[str, Any] = {"at_least": least, "at_most": most} if most is not None else {}
    statistic = "p50" if measure.statistic == "median" else measure.statistic
    wrong = [
        f"{name}={shortened(end)} is no finite number; write the end of the range."
        for name, end in ends.items()
        if isinstance(end, bool) or not isinstance(end, numbers.Real) or not abs(float(end)) <= _LARGEST
    ]
    if not isinstance(measure.unit, str) or not measure.unit:
        wrong = [f"Measure(unit={measure.unit!r}) has no unit; write what it counts, such as 's'."]
    elif higher is None:
        wrong = [
            f'Measure(…, "{measure.unit}") does not say which way is better: add higher_is_better=False (less is '
            "better) or True."
        ]
    elif not isinstance(higher, bool):
        wrong = [f"Measure(higher_is_better={measure.higher_is_better!r}) is neither True nor False."]
    elif abs(figure) > _LARGEST:
        wrong = [f"Measure({figure:g}) is beyond ±{_LARGEST:g}, where no mean can be taken."]
    elif most is None and least is not None:
        wrong = [f"at_least={least!r} alone is no range; write at_most= as well."]
    elif not (statistic is None or (isinstance(statistic, str) and re.fullmatch(r"p[1-9][0-9]?", statistic))):
        wrong = [f"statistic={shortened(statistic)} is no quantile; write 'median', or 'p1' to 'p99', such as 'p95'."]
    elif not wrong and least is not None and most is not None:
        if not least < most:
            wrong = [f"at_least={least:g} is not below at_most={most:g}: that is no range."]
        elif not least <= figure <= most:
            side = f"above at_most={most:g}" if figure > most else f"below at_least={least:g}"
            wrong = [
                f"the body measured {figure:g} {measure.unit}, {side}: cut it in the body, as a timeout would "
                f"(`max({least:g}, min(value, {most:g}))`), or declare a wider range."
            ]
    if wrong:
        raise ScoreError(f"{metric}: {wrong[0]}")
    return Reading(
        figure,
        measure.reason,
        unit=measure.unit,
        higher_is_better=higher,
        at_least=None if least is None else float(least),
        at_most=None if most is None else float(most),
        statistic=statistic,
    )


def _finite(value: Any, metric: str) -> float:
    if isinstance(value, bool | numbers.Real) or type(value).__name__ in ("bool", "bool_"):  # numpy 2, 1
        if math.isfinite(value):
            return float(value)
        raise ScoreError(f"{metric}: the body returned {value!r}, which is no score.")
    raise ScoreError(
        f"{metric}: the body returned {shortened(value)}; return nothing, a bool, a number in [0, 1], harness.Score, "
        "harness.Measure, or a dict of them."
    )
