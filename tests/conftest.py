"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.loopback import Loopback, Options
from tests.tracking.fixtures import database, empty_database, mlflow_server

__all__ = ["database", "empty_database", "loopback", "mlflow_server"]


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
