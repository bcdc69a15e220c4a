"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Loopback, Options
from tests.tracking.fixtures import database, empty_database, mlflow_server

__all__ = ["database", "empty_database", "loopback", "mlflow_server"]

STARTERS = frozenset(
    {"pytester", "database", "empty_database", "mlflow_server", "tiny_llama", "CliRunner", "subprocess"}
)
"""Fixtures, and names in a test module, with which a test runs a session, a command, a server or a program."""
NEIGHBOURS = frozenset({"bench", "ci", "cli", "confinement", "deepeval", "lm_eval", "mlflow"})
"""Folders whose tests run commands or programs by other means, or load what takes seconds to load."""
COSTS_S = {"slow": 5.0, "whole": 0.5}
"""About what a test takes that has one of these marks."""
OTHERS_S = 0.02


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out, and put the files that take longest first.

    With workers each file goes to the next that is free: quick ones at the end let all end together.
    """
    for item in items:
        names = {*getattr(item, "fixturenames", ()), *vars(getattr(item, "module", item))}
        if STARTERS & names or NEIGHBOURS & set(Path(item.nodeid.partition("::")[0]).parts):
            item.add_marker("whole")
    costs: Counter[Path] = Counter()
    for item in items:
        costs[item.path] += max(
            cost for name, cost in {"": 0.01, **COSTS_S}.items() if not name or name in item.keywords
        )
    items.sort(key=lambda item: -costs[item.path])


def is_quick(item: pytest.Item) -> bool:
    """Whether `make check` runs a test."""
    left_out = ("slow", "whole", "postgres", "gpu")
    return item.get_closest_marker("quick") is not None or not any(map(item.get_closest_marker, left_out))


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """A shell that starts the tests in its background has them ignore Ctrl-C, and so all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def loopback() -> Iterator[Callable[..., Loopback]]:
    """Starts OpenAI-compatible servers on 127.0.0.1: `loopback(latency_s=0.2, answers={"Q": "A"})`, see Options."""
    servers: list[Loopback] = []

    def start(port: int = 0, **options: Any) -> Loopback:
        servers.append(Loopback(Options(**options), port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
