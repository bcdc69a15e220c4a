"""Sessions of pytest that measure a version and decide nothing, each in a process of its own: how `steelyard bisect`
and `steelyard blame` draw. `-p harness.plugin.measuring` makes one of a session: no look, no review, no tracker and no
hook comes of it, and its run is no gate for those who read the store.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from harness.config.environment import child_environment
from harness.plugin.collection.items import is_evaluation
from harness.plugin.collection.suite import COLLECTION
from harness.plugin.outcomes import refusing

if TYPE_CHECKING:
    from harness.records import Report

_MOST_SHOWN = 300
_ALL = "*"
_NOTHING_RAN = int(pytest.ExitCode.NO_TESTS_COLLECTED)
_ENDED = (0, int(pytest.ExitCode.TESTS_FAILED), _NOTHING_RAN, 8)


def measure(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    tell: Callable[[str], object],
    wanted: Collection[str] = (_ALL,),
) -> Report | str:
    """Run a session with these arguments of pytest and variables of its environment.

    Args:
        tell: is told what it drew, in a line.
        wanted: the evaluations that are drawn, by absolute path and name.

    Returns:
        Its report, or why there is none.
    """
    from harness.records.report_json import FILE_NAME, read_report
    from harness.reporting.shared.figures import duration, plural

    began_s = time.monotonic()
    with TemporaryDirectory(prefix="steelyard-") as folder:
        places = [part for each in wanted for part in ("--measured", each)]
        done = _run(["-q", *arguments, *places, "--report-dir", folder], variables)
        if done.returncode in _ENDED and Path(folder, FILE_NAME).exists():
            report = read_report(Path(folder))
            usage, took = report.usage, duration(time.monotonic() - began_s)
            tell(f"  {plural(usage.model_calls, 'request')}, {usage.stored_samples:,} answers were stored, {took}")
            return report
    return _why(done, arguments)


def most_asked(arguments: Sequence[str]) -> tuple[str, str]:
    """The most that such a session would ask, and why none can be; either is empty."""
    done = _run([*arguments, "--measured", _ALL, "--collect-only"], {})
    if done.returncode:
        return "", _why(done, arguments)
    asked = (line for line in done.stdout.splitlines() if " requests" in line)
    return next(asked, "nothing is left to ask").removeprefix("steelyard: "), ""


def _run(arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    alone = ["-n0"] if find_spec("xdist") else []
    own = ["-p", "no:cacheprovider", "-p", __name__, "--inconclusive", "warn", "--tb=no", *alone]
    command = [sys.executable, "-P", "-m", "pytest", *own, *arguments]
    environment, nothing = child_environment(variables), subprocess.DEVNULL
    return subprocess.run(command, env=environment, stdin=nothing, capture_output=True, text=True, check=False)


def _why(done: subprocess.CompletedProcess[str], arguments: Sequence[str]) -> str:
    if done.returncode == _NOTHING_RAN:
        return f"No evaluation is left to draw: pytest {' '.join(arguments)}"
    written = done.stderr or done.stdout
    written = written[max(written.find("ERROR: "), 0) :]  # what others warned of before it says nothing of this
    text = " ".join(written.replace("ERROR: ", "").replace("steelyard: ", "").split())
    return f"{text[:_MOST_SHOWN]}…" if len(text) > _MOST_SHOWN else text or f"pytest ended with {done.returncode}"


# -- in that process -------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called once at start-up: the option that says what is drawn."""
    parser.addoption("--measured", action="append", default=[], metavar="ID", help="draw this evaluation; *: every one")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Called once Steelyard is there: has nothing sent anywhere."""
    collection = config.pluginmanager.get_plugin(COLLECTION)
    assert collection is not None
    with refusing():
        collection.settings = replace(collection.settings, notify=None, trackers={}, is_tracked=False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called with all items: those evaluations that are wanted stay, without what would decide them."""
    kept, wanted = list[pytest.Item](), config.getoption("--measured")
    for item in filter(is_evaluation, items):
        if not {_ALL, f"{item.path.resolve()}::{item.nodeid.partition('::')[2]}"}.isdisjoint(wanted):
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    for keywords in (marker.kwargs for item in kept for marker in item.iter_markers("evaluation")):
        for word in {"threshold", "review"} & keywords.keys():
            del keywords[word]  # type: ignore[attr-defined]
