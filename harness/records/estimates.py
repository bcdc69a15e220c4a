"""Numbers with what is known of their error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error, two-sided interval and method."""

    value: float
    standard_error: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline or threshold. `low` and `high` are the one-sided bounds that the verdict used."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    method: str
