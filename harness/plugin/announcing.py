"""Tells plugins what happens in a gate. Nothing that they do can change it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.outcomes import SteelyardWarning

if TYPE_CHECKING:
    from harness.gate import OpenRun
    from harness.records import GateStart, Report


class Announcer:
    """Calls the hooks of `harness.plugin.hookspecs` for one gate, each at its time.

    Args:
        config: pytest's.
        opened: the run.
        evaluations: the ids of those that the session holds.
    """

    def __init__(self, config: pytest.Config, opened: OpenRun, evaluations: tuple[str, ...]) -> None:
        self._config = config
        self._run = opened.run
        self._gate = _start(opened, evaluations)
        self._told: set[str] = set()
        self._complained: set[tuple[str, str]] = set()

    def started(self) -> None:
        """Tell that the gate begins."""
        self._call("steelyard_gate_started")

    def decided(self) -> None:
        """Tell the verdicts that are known by now and have not been told."""
        by_id: dict[str, list[Any]] = {}
        for verdict in self._run.all_verdicts:
            if verdict.id not in self._told:
                by_id.setdefault(verdict.id, []).append(verdict)
        self._told.update(by_id)
        for verdicts in by_id.values():
            self._call("steelyard_evaluation_decided", verdicts=tuple(verdicts))

    def finished(self, report: Report) -> None:
        """Tell how the gate ended."""
        self.decided()
        self._call("steelyard_gate_finished", report=report)

    def _call(self, name: str, **given: Any) -> None:
        """Call every implementation by itself, so that one which raises keeps none from being called."""
        manager = self._config.pluginmanager
        hook = getattr(manager.hook, name)
        plugins = [implementation.plugin for implementation in reversed(hook.get_hookimpls())]
        for plugin in dict.fromkeys(plugins):
            others = [other for other in manager.get_plugins() if other is not plugin]
            try:
                manager.subset_hook_caller(name, others)(gate=self._gate, **given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  a user's code; pytest.fail and sys.exit end nothing here
                self._complain(name, str(manager.get_name(plugin) or plugin), error)

    def _complain(self, name: str, plugin: str, error: BaseException) -> None:
        """Warn of a plugin's error, the first of each hook; a filter that makes warnings errors does not count here."""
        if (name, plugin) in self._complained:
            return
        self._complained.add((name, plugin))
        text = f"steelyard: {plugin} raised {type(error).__name__} in {name}: {error}. No verdict depends on it."
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always", SteelyardWarning)
            warnings.warn(SteelyardWarning(text), stacklevel=2)
        for message in recorded:
            given = {"warning_message": message, "when": "runtest", "nodeid": "", "location": None}
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=given)


def _start(opened: OpenRun, evaluations: tuple[str, ...]) -> GateStart:
    from harness.records import GateStart

    run = opened.run
    candidate, baseline = run.references()
    return GateStart(
        run_id=run.settings.run_id,
        created=opened.created,
        confidence_level=run.settings.confidence_level,
        candidate=candidate,
        baseline=baseline,
        judges=run.judge_references(),
        evaluations=evaluations,
    )
