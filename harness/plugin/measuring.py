"""Measures evaluations and decides nothing, where `-p harness.plugin.measuring` asks for it, as `steelyard blame` does:
every sample is drawn, and neither ledger nor tracker hears of it.
"""

from __future__ import annotations

import pytest

from harness.plugin.collection.items import is_evaluation

ALL = "*"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called once at start-up: the option that says what is measured."""
    parser.addoption("--measure", action="append", default=[], metavar="ID", help=f"measure this alone; {ALL}: all")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called with all items: keeps the evaluations that are measured, named by absolute path and name."""
    wanted = config.getoption("--measure")
    kept = [
        item
        for item in filter(is_evaluation, items)
        if ALL in wanted or f"{item.path.resolve()}::{item.nodeid.partition('::')[2]}" in wanted
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept
