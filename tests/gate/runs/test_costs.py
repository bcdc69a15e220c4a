"""Prices of the versions that a run asks, where cost is bounded, and the operations that it has spent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings, load_settings
from harness.errors import SettingsError
from harness.gate.runs.versions import check_prices, flops_spent
from harness.models.description.description import describe_weights
from harness.models.version import load_version
from harness.requests.spending import ForwardPass, VersionSpending
from tests.models.conftest import write_tiny_llama

TEXT = """
[models.free]
engine = "scripted"
default = "yes"
price = { input = 0, output = 0 }

[models.unpriced]
engine = "scripted"
default = "yes"
"""
SMALL = '[models.small]\nengine = "transformers"\nweights = "tiny"\n'


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


def test_they_are_those_of_every_pass_and_unknown_without_weights(tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "tiny")
    table = '[models.table]\nengine = "scripted"\ndefault = "a"\n'
    (tmp_path / "steelyard.toml").write_text(SMALL + table, encoding="utf-8")
    found = load_settings(tmp_path)
    versions = [load_version(found.version(name), tmp_path) for name in ("small", "table")]
    architecture = describe_weights({"weights": "tiny"}, tmp_path).in_engine.architecture
    prompt, answer, weighed = ForwardPass(8, 0, 1), ForwardPass(4, 8, 4), ForwardPass(5, 0, 5)
    spent = {
        "small": VersionSpending(passes=Counter({prompt: 2, answer: 6, weighed: 1}), counts=True),
        "table": VersionSpending(passes=Counter({prompt: 1}), counts=True),
    }
    read = architecture.flops_of(8) - 7 * architecture.flops_head
    expected = 2 * read + 6 * architecture.flops_of(4, before=8) + architecture.flops_of(5)
    assert flops_spent(versions, spent, tmp_path) == {"small": expected, "table": None}
    assert read > 8 * (architecture.flops_matrices - architecture.flops_head) > 0


def test_a_version_that_was_not_asked_spent_nothing_and_one_that_does_not_count_nobody_knows_what(
    tmp_path: Path,
) -> None:
    write_tiny_llama(tmp_path / "tiny")
    (tmp_path / "steelyard.toml").write_text(SMALL, encoding="utf-8")
    version = load_version(load_settings(tmp_path).version("small"), tmp_path)
    asked = {"small": VersionSpending(passes=Counter({}), counts=True)}
    assert flops_spent([version], asked, tmp_path) == {"small": 0.0}
    assert flops_spent(
        [version], {"small": VersionSpending(passes=Counter({ForwardPass(9, 0, 1): 1}), counts=False)}, tmp_path
    ) == {"small": None}
    assert flops_spent([version], {}, tmp_path) == {}
