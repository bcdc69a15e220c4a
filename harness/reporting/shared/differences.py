"""Differences, bounds and margins in words: in the unit of the evaluation, or in per cent where they are ratios."""

from __future__ import annotations

import math
from typing import Literal

from harness.decisions.reasons import percent
from harness.records import Difference, Estimate, Verdict
from harness.reporting.shared.figures import digits, figure, interval
from harness.reporting.shared.text import printable

Against = Literal["threshold", "baseline"]
_UNIT_CELLS = 24


def difference_in_words(difference: Difference, verdict: Verdict, against: Against | None = None) -> str:
    """A difference, with its bounds where anything is left to chance.

    Args:
        against: what it is a difference from; None for that of the verdict, which is the baseline where there is one.
    """
    value, low, high, places, unit = _scaled(difference, verdict, against)
    bounds = "" if verdict.is_certain else " " + interval(low, high, places, signed=True)
    return f"{figure(value, places, signed=True)}{bounds}{unit}"


def between(difference: Difference, verdict: Verdict, against: Against | None = None) -> str:
    """The bounds alone, without the unit of a measure: "-0.28 to -0.16"; "" where none are shown."""
    if has_no_bounds(verdict, difference):
        return ""
    _, low, high, places, unit = _scaled(difference, verdict, against)
    shown = (
        "no bounds" if not math.isfinite(low) and not math.isfinite(high) else bounds(low, high, places, signed=True)
    )
    return shown + unit * (unit == " %")


def bounds(low: float, high: float, places: int, *, signed: bool = False) -> str:
    """Two bounds in words: "0.65 to 0.77"; one that is not finite has none."""
    shown = (figure(each, places, signed=signed) if math.isfinite(each) else "no bound" for each in (low, high))
    return " to ".join(shown)


def has_no_bounds(verdict: Verdict, of: Estimate | Difference) -> bool:
    """True where none are shown: nothing is left to chance, or nothing is proven (a measure that was cut short)."""
    if verdict.is_certain:
        return True
    is_told = verdict.stopped_at is None and verdict.statistic is None
    return not is_told and not math.isfinite(of.low) and not math.isfinite(of.high)


def _scaled(difference: Difference, verdict: Verdict, against: Against | None) -> tuple[float, float, float, int, str]:
    """Value, bounds, decimals and unit of a difference: in per cent where it is a share of the baseline's figure."""
    value, low, high, margin = difference.value, difference.low, difference.high, margin_against("threshold", verdict)
    unit = unit_of(verdict)
    if _is_ratio(verdict, against):
        value, low, high, margin = (100 * each for each in (value, low, high, verdict.plan.margin))
        unit = " %"
    places = digits([low, margin, 0.0], [high, margin, 0.0], [low, value], unit=unit.strip() or None)
    return value, low, high, places, unit


def unit_of(verdict: Verdict, encoding: str = "utf-8") -> str:
    """The unit after a space, which a user's code names, made harmless; "" where there is none."""
    return f" {printable(verdict.unit, _UNIT_CELLS, encoding=encoding)}" if verdict.unit else ""


def margin_against(against: Against, verdict: Verdict) -> float:
    """The margin of a comparison, in the numbers that its difference has."""
    if against == "threshold" and verdict.plan.margin_is_relative and verdict.plan.threshold is not None:
        return verdict.plan.margin * abs(verdict.plan.threshold)
    return verdict.plan.margin


def margin_in_words(verdict: Verdict, against: Against | None = None) -> str:
    """The margin with its unit, and with both signs where the difference must lie within it on both sides."""
    sign = "±" if verdict.plan.aim == "same" else ""
    if _is_ratio(verdict, against):
        return sign + percent(verdict.plan.margin)
    margin = margin_against("threshold", verdict)
    return f"{sign}{figure(margin, digits([margin, 0.0], unit=verdict.unit))}{unit_of(verdict)}"


def needs_in_words(verdict: Verdict) -> str:
    """What a threshold demands: "needs 0.80: 0.90 less the margin 0.10"; "" without one."""
    threshold = verdict.plan.threshold
    if threshold is None:
        return ""
    margin, unit = margin_against("threshold", verdict), unit_of(verdict)
    limit = threshold - margin if verdict.higher_is_better else threshold + margin
    places = digits([threshold, limit], [margin, 0.0], unit=verdict.unit)
    whole, less = figure(threshold, places), figure(margin, places)
    if verdict.plan.aim == "same":
        return f"needs {whole} ± {less}{unit}"
    most, kind = ("", "less") if verdict.higher_is_better else ("at most ", "and")
    told = f": {whole} {kind} the margin {less}" if margin else ""
    return f"needs {most}{figure(limit, places)}{unit}{told}"


def _is_ratio(verdict: Verdict, against: Against | None) -> bool:
    return verdict.plan.margin_is_relative and (
        against == "baseline" or (against is None and verdict.baseline is not None)
    )
