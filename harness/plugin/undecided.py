"""Draws evaluations to the end and decides nothing, where `-p harness.plugin.undecided --draw ID` asks for it, as
`steelyard blame` does: neither the ledger nor a tracker hears of it.
"""

from __future__ import annotations

import pytest

from harness.plugin.collection.items import is_evaluation


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called once at start-up: the option that says what is drawn."""
    parser.addoption("--draw", action="append", default=[], metavar="ID", help="draw this evaluation; *: every one")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called with all items: keeps the evaluations that are named, by absolute path and name."""
    wanted, kept = config.getoption("--draw"), list[pytest.Item]()
    for item in filter(is_evaluation, items):
        if not {"*", f"{item.path.resolve()}::{item.nodeid.partition('::')[2]}"}.isdisjoint(wanted):
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
