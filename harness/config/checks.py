"""Checks of single settings, each with a message that says what to write instead."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import SettingsError, choices

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def refuse_unknown(table: Mapping[str, Any], known: Iterable[str], *, where: str) -> None:
    """Refuse a key that is not known, with the nearest known one."""
    names = list(known)
    for key in table:
        if key not in names:
            raise SettingsError(f"{where}: {choices('setting', key, names)}")


def number(
    value: Any, name: str, *, where: str, low: float = -math.inf, high: float = math.inf, below: bool = False
) -> float:
    """A finite number in [low, high] (in [low, high) with `below`)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{where}: {name} = {value!r} is not a number.")
    if not low <= value <= high or (below and value == high):
        raise SettingsError(f"{where}: {name} = {value!r} is outside {_range(low, high, below)}.")
    return float(value)


def _range(low: float, high: float, below: bool) -> str:
    if high == math.inf:
        return f"the range from {low:g} up"
    return f"[{low:g}, {high:g}{')' if below else ']'}"


def integer(value: Any, name: str, *, where: str, low: int = 1) -> int:
    """A whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{where}: {name} = {value!r} is not a whole number.")
    if value < low:
        raise SettingsError(f"{where}: {name} = {value!r} is below {low}.")
    return value


def text(value: Any, name: str, *, where: str) -> str:
    """A non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {name} = {value!r} is not a text; write it in quotes.")
    return value


def one_of(value: Any, name: str, known: Iterable[str], *, where: str) -> str:
    """One of the known words."""
    names = list(known)
    if value not in names:
        raise SettingsError(f"{where}: {choices(name, str(value), names)}")
    return str(value)


def duration_s(value: Any, name: str, *, where: str) -> float:
    """Seconds of a duration such as "90s", "30m", "12h", "7d" or "2w".

    >>> duration_s("7d", "max_age", where="")
    604800.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    if not match or float(match[1]) <= 0:
        raise SettingsError(f'{where}: {name} = {value!r} is not a duration; write "90s", "30m", "12h", "7d" or "2w".')
    return float(match[1]) * _UNITS_S[match[2]]
