"""Differences and margins in words: in the unit of the evaluation, or in per cent where they are ratios."""

from __future__ import annotations

from typing import Literal

from harness.decisions.reasons import percent
from harness.records import Difference, Verdict
from harness.reporting.shared.figures import digits, figure, interval
from harness.reporting.shared.text import printable

Against = Literal["threshold", "baseline"]
_UNIT_CELLS = 24


def difference_in_words(difference: Difference, verdict: Verdict, against: Against | None = None) -> str:
    """A difference, with its bounds where anything is left to chance.

    Args:
        against: what it is a difference from; None for that of the verdict, which is the baseline where there is one.
    """
    if _is_ratio(verdict, against):
        return ratio_in_words(difference, verdict)
    margin = margin_against("threshold", verdict) if verdict.plan.margin_is_relative else verdict.plan.margin
    places = digits([difference.low, margin, 0.0], [difference.high, 0.0], unit=verdict.unit)
    bounds = "" if verdict.is_certain else " " + interval(difference.low, difference.high, places, signed=True)
    unit = f" {_unit(verdict)}" if verdict.unit else ""
    return f"{figure(difference.value, places, signed=True)}{bounds}{unit}"


def _unit(verdict: Verdict) -> str:
    """The unit, which a user's code names, made harmless."""
    return printable(verdict.unit or "", _UNIT_CELLS)


def ratio_in_words(difference: Difference, verdict: Verdict) -> str:
    """A difference that is a share of the baseline's figure, in per cent."""
    value, low, high = (100 * each for each in (difference.value, difference.low, difference.high))
    margin = 100 * verdict.plan.margin
    places = digits([low, margin, 0.0], [high, margin, 0.0], [low, value], unit="%")
    bounds = "" if verdict.is_certain else f" {interval(low, high, places, signed=True)}"
    return f"{figure(value, places, signed=True)}{bounds} %"


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
    unit = f" {_unit(verdict)}" if verdict.unit else ""
    return f"{sign}{figure(margin, digits([margin, 0.0], unit=verdict.unit))}{unit}"


def _is_ratio(verdict: Verdict, against: Against | None) -> bool:
    """True for a comparison of a ratio."""
    return verdict.plan.margin_is_relative and (
        against == "baseline" or (against is None and verdict.baseline is not None)
    )
