"""Limits and what was spent of them, in the words of the command line."""

from __future__ import annotations

import pytest

from harness.records import BudgetLimits, Expenditure, Price
from harness.records.budget import amount, short_duration


def test_limits_are_told_as_options() -> None:
    limits = BudgetLimits(max_requests=1500, max_tokens=10_000, max_cost=0.5, deadline_s=1200)
    assert limits.in_words("max_requests") == "max_requests 1,500"
    assert limits.in_words("max_tokens") == "max_tokens 10,000"
    assert limits.in_words("max_cost") == "--max-cost 0.50"
    assert limits.in_words("deadline") == "--deadline 20m"


def test_what_was_spent_is_told_in_the_same_units() -> None:
    spent = Expenditure(requests=1203, tokens=9999, cost=0.49871, elapsed_s=1203.4)
    assert spent.in_words("max_requests") == "1,203"
    assert spent.in_words("max_tokens") == "9,999"
    assert spent.in_words("max_cost") == "0.4987"
    assert spent.in_words("deadline") == "1203s"
    in_part = Expenditure(tokens=9999, cost=0.5, at_least=("max_tokens", "max_cost"))
    assert in_part.in_words("max_tokens") == "at least 9,999"
    assert in_part.in_words("max_cost") == "at least 0.50"


def test_time_alone_is_not_shared_among_evaluations() -> None:
    assert not BudgetLimits().bounded
    assert BudgetLimits(deadline_s=1).bounded
    assert not BudgetLimits(deadline_s=1).are_shared
    assert BudgetLimits(max_requests=1).are_shared
    assert not BudgetLimits(max_requests=1).counts_tokens
    assert BudgetLimits(max_cost=1.0).counts_tokens


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.50"), (12, "12.00"), (0.49871, "0.4987"), (1234.5, "1,234.50"), (0.00001234, "0.00001234"), (0, "0.00")],
)
def test_amounts_have_two_decimals_or_as_many_as_it_takes(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(1200, "20m"), (7200, "2h"), (90, "90s"), (1.5, "1.5s"), (86400, "1d")])
def test_durations_are_told_as_settings_say_them(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text


def test_a_price_is_of_a_million_tokens_read_and_written() -> None:
    assert Price(input=0.15, output=0.60).of(2_000_000, 500_000) == pytest.approx(0.6)
