"""The bounds on what a run may spend, and what it spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LimitName = Literal["max_requests", "max_tokens", "max_cost", "deadline"]

_UNITS_S = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a million tokens of a version, read and written; in any currency, the same for all versions."""

    input: float
    output: float

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Give the cost of so many tokens, read and written.

        >>> Price(input=0.15, output=0.60).of(2_000_000, 500_000)
        0.6
        """
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The most that a run may spend; None for no bound. Tokens are those of prompts and answers that are drawn, their
    cost is at the prices of their versions, and the deadline counts from the start of the session.
    """

    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    deadline_s: float | None = None

    @property
    def bounded(self) -> bool:
        """True where there is any bound."""
        return self != BudgetLimits()

    @property
    def are_shared(self) -> bool:
        """True where what one evaluation spends is taken from the others. Time is not: it passes for all of them."""
        return self.max_requests is not None or self.counts_tokens

    @property
    def counts_tokens(self) -> bool:
        """True where a bound can be kept only if the tokens that are drawn are counted."""
        return self.max_tokens is not None or self.max_cost is not None

    def in_words(self, name: LimitName) -> str:
        """One of the limits as the command line says it, or the settings where they alone do.

        >>> limits = BudgetLimits(max_requests=None, max_tokens=10_000, max_cost=0.5, deadline_s=1200)
        >>> [limits.in_words(name) for name in ("max_tokens", "max_cost", "deadline")]
        ['max_tokens 10,000', '--max-cost 0.50', '--deadline 20m']
        """
        value = self.deadline_s if name == "deadline" else getattr(self, name)
        option = name if name in ("max_requests", "max_tokens") else f"--{name.replace('_', '-')}"
        return f"{option} {_in_words(name, value or 0)}"


@dataclass(frozen=True, slots=True)
class Expenditure:
    """The requests, tokens, cost and seconds that a session spent.

    `cost` is of what tells it where `max_cost` bounds it; else of all, and None where a version has no price. Of the
    limits `at_least` more was spent than is known: a version answered without telling it.
    """

    requests: int = 0
    tokens: int = 0
    cost: float | None = None
    elapsed_s: float = 0.0
    at_least: tuple[LimitName, ...] = ()

    def in_words(self, name: LimitName) -> str:
        """Say how much was spent of what one of the limits bounds."""
        spent = {"deadline": round(self.elapsed_s), "max_cost": self.cost or 0.0, "max_requests": self.requests}
        used = _in_words(name, spent.get(name, self.tokens))
        return f"at least {used}" if name in self.at_least else used


def _in_words(name: LimitName, value: float) -> str:
    """So much of what one of the limits bounds."""
    return short_duration(value) if name == "deadline" else amount(value) if name == "max_cost" else f"{value:,}"


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a run; `stopped_by` is the limit at which nothing more was asked for."""

    limits: BudgetLimits
    spent: Expenditure
    stopped_by: LimitName | None = None


def amount(value: float) -> str:
    """An amount of money: two decimals, or as many more as it has, up to four figures.

    >>> amount(0.5), amount(0.49871), amount(1234.5), amount(0.00001234)
    ('0.50', '0.4987', '1,234.50', '0.00001234')
    """
    places = 2
    while places < 10 and abs(round(value, places) - value) > 5e-5 * abs(value):
        places += 1
    return f"{value:,.{places}f}"


def short_duration(seconds: float) -> str:
    """Seconds as a setting says them.

    >>> [short_duration(seconds) for seconds in (1200, 7200, 90, 1.5)]
    ['20m', '2h', '90s', '1.5s']
    """
    for unit, size in _UNITS_S:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"
