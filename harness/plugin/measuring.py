"""Sessions of pytest that measure a version and decide nothing, each in a process of its own: how a bisection draws.

They take the draws of a baseline: those that a candidate is decided by are its gate's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


def measure(arguments: Sequence[str], variables: Mapping[str, str]) -> Report | str:
    """Run a session with these arguments of pytest and variables of its environment; gives its report, or why there is
    none.
    """
    from harness.records.report_json import FILE_NAME, read_report

    with TemporaryDirectory(prefix="steelyard-") as folder:
        code, alone = f"from {__name__} import main; main()", ["-n0"] if find_spec("xdist") else []
        given = ["--for-baseline", "-q", "--tb=no", *alone, *arguments, "--report-dir", folder]
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *given],
            env=child_environment({**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if Path(folder, FILE_NAME).exists():
            return read_report(Path(folder))
    written = done.stderr or done.stdout
    written = written[max(written.find("ERROR: "), 0) :]  # what others warned of before it says nothing of this
    text = " ".join(written.replace("ERROR: ", "").replace("steelyard: ", "").split())
    return f"{text[:_MOST_SHOWN]}…" if len(text) > _MOST_SHOWN else text or f"pytest ended with {done.returncode}"


def main() -> None:
    """Run the session that the command line describes."""
    sys.exit(pytest.main(plugins=[_Measuring()]))


class _Measuring:
    """Has nothing required of the version, asked of people or sent anywhere."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Called once Steelyard is there."""
        collection = config.pluginmanager.get_plugin(COLLECTION)
        assert collection is not None
        with refusing():
            collection.settings = replace(collection.settings, notify=None, trackers={}, is_tracked=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called with all items: evaluations alone stay, without what would decide them."""
        items[:] = filter(is_evaluation, items)
        for keywords in (marker.kwargs for item in items for marker in item.iter_markers("evaluation")):
            for word in {"threshold", "review"} & keywords.keys():
                del keywords[word]  # type: ignore[attr-defined]
