"""Checks of the number that an answer gives."""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from typing import Any

from harness.errors import CheckError
from harness.records import Score
from harness.scoring.checks.given import answer_text, shown

_GROUPS = ",'’_\u00a0\u2009\u202f"
_NUMBER = re.compile(
    rf"""
    (?<![\w.])(?<!\d[{_GROUPS}/])                     # not inside a word or another number
    (?P<sign>[-+−]?)
    (?P<digits>
        \d{{1,3}}(?:(?P<group>[{_GROUPS}])\d{{3}}(?:(?P=group)\d{{3}})*)(?!\d)
        | \d+ | (?=\.\d)
    )
    (?P<fraction>\.\d+)?
    (?:
        [eE](?P<exponent>[-+−]?\d+)
        | \s?(?:×|\*|x|\\times)\s?10(?: (?:\^\{{?|\*\*)(?P<power>[-+−]?\d+)\}}? | (?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+) )
    )?
    (?:\s?\\?%)?
    (?![.{_GROUPS}/]\d | \d | (?:st|nd|rd|th)\b | _ | [xX][0-9a-fA-F])
    """,
    re.VERBOSE,
)
_LONGEST_EXPONENT = 6
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")


def numeric(answer: str, expected: float | str, *, absolute: float = 0.0, relative: float = 0.0) -> Score:
    """1 where the last number of the answer is the expected one, within the larger of the two tolerances.

    An answer that spells out a sum ends in its result. Thousands may be grouped ("1,250", "1 250" with a narrow space),
    numbers may have a sign, a fraction, an exponent ("1.5e3", "1.5 × 10³"), a percent sign or a unit ("5kg"). No
    numbers are digits within a word ("H2O", "1st"), and what could be read in two ways ("3,5", "1.2.3", "1/2").

    Args:
        answer: the answer.
        expected: a number, or a text that holds one.
        absolute: how far off it may be.
        relative: how far off it may be, as a share of the expected number.

    Raises:
        CheckError: the expected number or a tolerance is none.

    >>> numeric("That makes 1,250 metres.", 1250).value
    1.0
    >>> numeric("It is 3.1.", 3.14159, relative=0.01).reason
    '3.1 is not within 0.0314159 of 3.14159'
    """
    last = _last(expected) if isinstance(expected, str) else None
    wanted = last[0] if last is not None else _number("numeric: expected", expected, "is no number.")
    text = answer_text(answer, "numeric")
    with decimal.localcontext(decimal.Context(prec=50, traps=[])):
        no_tolerance = "is no tolerance; write a number from 0 up."
        far, share = (
            _number(f"numeric: {name}", value, no_tolerance, 0)
            for name, value in (("absolute", absolute), ("relative", relative))
        )
        tolerance = max(far, share * abs(wanted))
        last = _last(text)
        if last is None:
            return Score(0.0, f"no number in {shown(text)}")
        value, written = last
        if abs(value - wanted) <= tolerance:
            return Score(1.0)
        near = f"within {tolerance.normalize():f} of " if tolerance else ""
        return Score(0.0, f"{written} is not {near}{expected}")


def _last(text: str) -> tuple[Decimal, str] | None:
    """The last number of a text, and how it was written."""
    last = None
    for last in _NUMBER.finditer(text):  # noqa: B007 - the last one is what is wanted
        pass
    if last is None:
        return None
    digits = re.sub(rf"[{_GROUPS}]", "", last["digits"]) or "0"
    exponent = (last["exponent"] or last["power"] or last["raised"] or "0").translate(_PLAIN)
    if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT:
        exponent = exponent[:1].strip("0123456789") + "9" * _LONGEST_EXPONENT
    mantissa = f"{last['sign'].translate(_PLAIN)}{digits}{last['fraction'] or ''}"
    with decimal.localcontext(decimal.Context(prec=50, traps=[])):
        return Decimal(f"{mantissa}E{exponent}"), last[0].strip()


def _number(name: str, value: Any, wrong: str, least: float = -math.inf) -> Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value))
        if number.is_finite() and number >= least:
            return number
    raise CheckError(f"{name} = {shown(value)} {wrong}")
