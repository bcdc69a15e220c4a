"""Numbers as a reader wants them: as many digits as it takes to tell apart what differs, and no more."""

from __future__ import annotations

import math
from collections.abc import Iterable

_SCORE_DIGITS = 2
_MOST_EXTRA_DIGITS = 2
_SMALLEST, _LARGEST = 1e-4, 1e9


def digits(*groups: Iterable[float | None], unit: str | None = None) -> int:
    """Decimal places with which the figures of a group that differ look different, whatever their signs.

    At least 2 for scores, and 3 significant ones for measures; 2 more at most.

    >>> digits([0.9, 0.85]), digits([0.9, 0.9004]), digits([0.9], [0.9004]), digits([0.3, 0.1 + 0.2])
    (2, 4, 2, 2)
    >>> digits([1234.0, 1250.0], unit="tokens/s")
    0
    """
    finite = [{_steady(value) for value in group if value is not None and math.isfinite(value)} for group in groups]
    largest = max((value for group in finite for value in group), default=0.0)
    least = _SCORE_DIGITS
    if unit is not None and largest > 0:
        least = max(0, 2 - math.floor(math.log10(largest)))
    for places in range(least, least + _MOST_EXTRA_DIGITS):
        if all(len({f"{value:.{places}f}" for value in group}) == len(group) for group in finite):
            return places
    return least + _MOST_EXTRA_DIGITS


def _steady(value: float) -> float:
    return float(f"{abs(value):.12g}")  # the same mean, added up in another order, is the same figure


def figure(value: float | None, places: int = _SCORE_DIGITS, *, signed: bool = False) -> str:
    """One number; "n/a" for one that is not known. Never "-0.00".

    >>> figure(0.7149), figure(-0.2249, signed=True), figure(0.0101, signed=True), figure(-0.0001), figure(12345.6, 1)
    ('0.71', '-0.22', '+0.01', '0.00', '12,345.6')
    """
    if value is None or math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "-inf" if value < 0 else "+inf" if signed else "inf"
    if value and (abs(value) >= _LARGEST or (places > 6 and abs(value) < _SMALLEST)):
        return f"{value:+.3g}" if signed else f"{value:.3g}"
    shown = f"{value:,.{places}f}"
    if not shown.strip("-0.,"):
        return shown.lstrip("-")
    return f"+{shown}" if signed and value > 0 else shown


def interval(low: float, high: float, places: int = _SCORE_DIGITS, *, signed: bool = False) -> str:
    """Two bounds, as far as there are any: values that are all equal or single, or too few for a quantile, have none.

    >>> interval(-0.28, 0.01, signed=True), interval(-math.inf, math.inf)
    ('[-0.28, +0.01]', '(no bounds)')
    >>> interval(1.07, math.inf), interval(math.nan, 1.04)
    ('[1.07, no bound]', '[no bound, 1.04]')
    """
    if not math.isfinite(low) and not math.isfinite(high):
        return "(no bounds)"
    return f"[{bounds(low, high, places, signed=signed, between=', ')}]"


def bounds(low: float, high: float, places: int, *, signed: bool = False, between: str = " to ") -> str:
    """Two bounds in words: "0.65 to 0.77"; one that is not finite has none."""
    shown = (figure(each, places, signed=signed) if math.isfinite(each) else "no bound" for each in (low, high))
    return between.join(shown)


def count(number: int) -> str:
    """A whole number with its thousands apart.

    >>> count(12400)
    '12,400'
    """
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "case"), plural(1200, "case"), plural(2, "batch")
    ('1 case', '1,200 cases', '2 batches')
    """
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{ending}"


def duration(seconds: float, *, whole: bool = False) -> str:
    """Seconds for a reader; `whole` leaves out tenths.

    >>> duration(0.31), duration(41.2), duration(200), duration(7300)
    ('0.3 s', '41 s', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 9.95 and not whole:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
