"""Sessions of pytest that measure a version and decide nothing, each in a process of its own: how a bisection draws.

They take the draws of a baseline: those that a candidate is decided by are its gate's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
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

_MOST_SHOWN = 300


def measure(version: str, weights: str, arguments: Sequence[str]) -> Report | str:
    """Measure a version by a session with these arguments of pytest; gives its report, or why there is none.

    Args:
        version: git:COMMIT; or the name of one like the candidate with these `weights`: a folder, of an adapter too, or
            an address.
    """
    from harness.records.report_json import FILE_NAME, read_report

    with TemporaryDirectory(prefix="steelyard-") as folder:
        code, here = f"from {__name__} import main; main()", ["-n0"] if find_spec("xdist") else []
        given = ["--for-baseline", "-q", "--tb=no", *here, *arguments]
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, version, weights, *given, "--report-dir", folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if Path(folder, FILE_NAME).exists():
            return read_report(Path(folder))
    text = " ".join((done.stderr or done.stdout).replace("ERROR: ", "").replace("steelyard: ", "").split())
    return f"{text[:_MOST_SHOWN]}…" if len(text) > _MOST_SHOWN else text or f"pytest ended with {done.returncode}"


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
        """Called once Steelyard is there."""
        collection = config.pluginmanager.get_plugin(COLLECTION)
        assert collection is not None
        with refusing():
            settings = replace(collection.settings, notify=None, trackers={}, is_tracked=False)
            collection.settings = _with_weights(settings, self._version, self._weights) if self._weights else settings

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called with all items: evaluations alone stay, without what would decide them."""
        items[:] = filter(is_evaluation, items)
        for keywords in (marker.kwargs for item in items for marker in item.iter_markers("evaluation")):
            for word in {"threshold", "review"} & keywords.keys():
                del keywords[word]  # type: ignore[attr-defined]


def _with_weights(settings: Settings, name: str, weights: str) -> Settings:
    from harness.config.commits import with_versions
    from harness.config.customization import STEPS, BuildStep
    from harness.config.roles import candidate_name
    from harness.config.typed import read
    from harness.models.spec import engine_spec

    own = settings.version(candidate_name(settings))
    if "weights" not in engine_spec(own.engine).options.option_names():
        raise SettingsError(f"{own.name} can't have the weights of {name}: its engine {own.engine} takes none.")
    is_adapter = Path(weights, "adapter_config.json").is_file()
    replaced = "adapter" if is_adapter else "distilled"
    steps = [each for each in own.steps if each.kind != replaced]
    if is_adapter:
        steps.append(BuildStep(replaced, name, read(STEPS[replaced], weights, where=name)))
    options = own.engine_options if is_adapter else {**own.engine_options, "weights": weights}
    version = replace(own, name=name, engine_options=options, steps=tuple(steps))
    return replace(settings, candidate=name, versions=with_versions({name: version}, settings.versions))
