"""Sessions of pytest that measure a version and decide nothing, each in a process of its own: how a bisection draws.

What they draw are a baseline's draws: a candidate's own are those that its gate is decided by.
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

from harness.errors import SettingsError
from harness.plugin.collection.items import is_evaluation
from harness.plugin.collection.suite import COLLECTION
from harness.plugin.outcomes import refusing

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.records import Report


def measure(version: str, weights: str, arguments: Sequence[str]) -> Report | str:
    """Measure a version by a session with these arguments of pytest; gives its report, or why there is none.

    Args:
        version: its name, or git:COMMIT.
        weights: what it has in place of its own: a folder, of an adapter too, or an address; "" for its own.
    """
    from harness.records.report_json import FILE_NAME, read_report

    given = ["--for-baseline", "-q", "--tb=no", *(["-n0"] if find_spec("xdist") else []), *arguments]
    with TemporaryDirectory(prefix="steelyard-") as folder:
        code = f"from {__name__} import main; main()"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, version, weights, *given, "--report-dir", folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if (path := Path(folder, FILE_NAME)).exists() and done.returncode in (0, 1, 8):
            return read_report(path)
    lines = [each.removeprefix("ERROR: ") for each in (done.stderr or done.stdout).splitlines() if each.strip()]
    return lines[-1] if lines else f"pytest ended with exit code {done.returncode}"


def main() -> None:
    """Run the session that the command line describes."""
    version, weights, *arguments = sys.argv[1:]
    candidate = [] if weights else ["--candidate", version]
    sys.exit(pytest.main([*candidate, *arguments], plugins=[_Measuring(version, weights)]))


class _Measuring:
    """Has a session measure one version, and nothing be required of it, asked of people or sent anywhere."""

    def __init__(self, version: str, weights: str) -> None:
        self._version, self._weights = version, weights

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Called once Steelyard is there: the settings of the session."""
        collection = config.pluginmanager.get_plugin(COLLECTION)
        with refusing():
            own = replace(collection.settings, notify=None, trackers={}, is_tracked=False)
            collection.settings = with_weights(own, self._version, self._weights) if self._weights else own

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called with all items: evaluations alone stay, without what would decide them."""
        items[:] = filter(is_evaluation, items)
        for marker in (each for item in items for each in item.iter_markers("evaluation")):
            for word in {"threshold", "review"} & marker.kwargs.keys():
                del marker.kwargs[word]  # type: ignore[attr-defined]


def with_weights(settings: Settings, name: str, weights: str) -> Settings:
    """The settings with a version of this name under test: the candidate with other weights, or another adapter."""
    from harness.config.commits import with_versions
    from harness.config.customization import STEPS, BuildStep
    from harness.config.roles import candidate_name
    from harness.config.typed import read
    from harness.models.spec import engine_spec

    own = settings.version(candidate_name(settings))
    if "weights" not in engine_spec(own.engine).options.option_names():
        raise SettingsError(f"{own.name} has no weights: its engine {own.engine} takes none, so no checkpoint fits it.")
    kind, options, steps = "distilled", {**own.engine_options, "weights": weights}, ()
    if Path(weights, "adapter_config.json").is_file():
        kind, options = "adapter", own.engine_options
        steps = (BuildStep(kind, name, read(STEPS[kind], weights, where=name)),)
    steps = (*(each for each in own.steps if each.kind != kind), *steps)
    version = replace(own, name=name, engine_options=options, steps=steps)
    return replace(settings, candidate=name, versions=with_versions({name: version}, settings.versions))
