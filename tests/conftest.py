"""Fixtures for all tests."""

from __future__ import annotations

import os
import re
import signal
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from tests.libraries import Libraries
from tests.loopback import Loopback, Options
from tests.ports import held_port
from tests.store.postgres import new_postgres_url, postgres_databases, postgres_url
from tests.torch_processes import torch_is_loaded
from tests.tracking.fixtures import database, empty_database, mlflow_server

__all__ = [
    "database",
    "empty_database",
    "loopback",
    "mlflow_server",
    "new_postgres_url",
    "postgres_databases",
    "postgres_url",
]

# Hypothesis without deadlines and with the same examples in every run: these tests state facts, not timings.
settings.register_profile("steelyard", deadline=None, derandomize=True, database=None)
settings.load_profile("steelyard")


# Marks of a whole file, which spare the import of what `-m` leaves out. MARKS are those of a browser's tests.
WHOLE = {
    mark: re.compile(rf"^pytestmark = .*\b{pattern}\b", re.MULTILINE)
    for mark, pattern in (("service", r"(?:mark\.service|MARKS)"), ("nightly", r"mark\.nightly"))
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part 1/2`: of the test files, the first half. Parts that run beside each other collect what they run alone."""
    parser.addoption("--part", help="the K-th of N parts of the test files, as in 1/2")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of other parts, and those that `-m` leaves out whole."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    if config.option.part is not None:
        part, _, parts = config.option.part.partition("/")
        if zlib.crc32(collection_path.name.encode()) % int(parts) != int(part) - 1:
            return True
    text = collection_path.read_text(encoding="utf-8")
    left_out = [mark for mark in WHOLE if f"not {mark}" in config.option.markexpr]
    return any(WHOLE[mark].search(text) for mark in left_out) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of services first: with workers, quick ones at the end let all end together."""
    services = {item.path for item in items if item.get_closest_marker("service") is not None}
    items.sort(key=lambda item: item.path not in services)


# `make light` sets it: Steelyard is installed without an extra, so tests of what an extra brings are skipped. Elsewhere
# they fail where a package is missing. That the core itself needs none of them, `make light` tries first.
LIGHT = bool(os.environ.get("STEELYARD_TEST_LIGHT"))


def need(package: str) -> None:
    """In a light installation, skip what needs this package, where the hooks below don't see that it is not there."""
    if LIGHT:
        pytest.importorskip(package)


def _absent(error: BaseException | None) -> str | None:
    """The package that is not installed and so made an import fail, or None."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            package = error.name.partition(".")[0]
            return None if package in ("harness", "tests") else package
        error = error.__cause__ or error.__context__  # `pytest.raises` has the error that it did not expect as context
    return None


Report = TypeVar("Report", pytest.CollectReport, pytest.TestReport)


def _skipped_where_absent(report: Report, call: pytest.CallInfo[Any] | None, path: Path) -> Report:
    if LIGHT and report.failed and call is not None and call.excinfo is not None:
        package = _absent(call.excinfo.value)
        if package is not None:
            report.outcome = "skipped"
            report.longrepr = (str(path), 0, f"Skipped: {package} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, Any]:
    """In a light installation, skip the modules and folders that import a package of an extra."""
    report = yield
    return _skipped_where_absent(report, getattr(report, "call", None), collector.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In a light installation, skip the tests that import a package of an extra while they run.

    One that fails in its fixtures fails: a fixture may be everybody's, and would skip them all.
    """
    report = yield
    return report if call.when == "setup" else _skipped_where_absent(report, call, item.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Keep the libraries that a test with a pytester has imported."""
    libraries = Libraries()
    if "pytester" in getattr(item, "fixturenames", ()):
        libraries.note()
    try:
        yield
    finally:
        libraries.bring_back()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """A shell that starts the tests in its background has them ignore Ctrl-C, and so all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def loaded_torch() -> Iterator[None]:
    """Processes that Steelyard starts find torch and transformers loaded."""
    with torch_is_loaded():
        yield


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nothing listens on; see `held_port`."""
    with held_port() as port:
        yield port


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
