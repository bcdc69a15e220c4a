"""Where cost is bounded, every version that is asked has a price."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings, VersionSettings
from harness.errors import SettingsError
from harness.gate.runs.limits import check_prices, spending_of
from harness.models.version import load_version
from harness.records import Price

FREE = VersionSettings("free", "scripted", engine_options={"default": "yes"})
PRICED = replace(FREE, name="priced", price=Price(1.0, 2.0))
SETTINGS = Settings(root=Path(), versions={"free": FREE, "priced": PRICED}, max_cost=3.0, max_requests=5)


def test_a_version_without_a_price_is_refused_where_cost_is_bounded() -> None:
    check_prices(SETTINGS, ["priced"])
    check_prices(replace(SETTINGS, max_cost=None), ["free"])
    with pytest.raises(SettingsError, match=r"--max-cost needs the price of every version .* and 'free' has none"):
        check_prices(SETTINGS, ["priced", "free"])


def test_what_counts_has_the_limits_and_the_prices() -> None:
    spending = spending_of(SETTINGS, {"priced": load_version(PRICED, Path())}, elapsed_s=2.0)
    assert (spending.limits.max_requests, spending.limits.max_cost) == (5, 3.0)
