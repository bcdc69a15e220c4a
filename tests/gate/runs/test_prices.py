"""Prices of the versions that a run asks, where cost is bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings, load_settings
from harness.errors import SettingsError
from harness.gate.runs.prices import check_prices, spending_of
from harness.models.version import load_version

TEXT = """
[models.free]
engine = "scripted"
default = "yes"
price = { input = 0, output = 0 }

[models.unpriced]
engine = "scripted"
default = "yes"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "steelyard.toml").write_text(TEXT, encoding="utf-8")
    return load_settings(tmp_path)


def test_where_cost_is_bounded_each_version_has_a_price(settings: Settings) -> None:
    check_prices(settings, ["free", "unpriced"])
    bounded = replace(settings, max_cost=1.0)
    check_prices(bounded, ["free"])
    with pytest.raises(SettingsError, match=r"'unpriced' has none\. Write price = .* in \[models\.unpriced\]"):
        check_prices(bounded, ["free", "unpriced"])


def test_spending_knows_the_prices_of_the_versions(settings: Settings) -> None:
    versions = {name: load_version(settings.version(name), settings.root) for name in ("free", "unpriced")}
    assert spending_of(settings, {"free": versions["free"]}, 0.0).cost == 0
    assert spending_of(settings, versions, 0.0).cost is None
