"""Tells plugins what happens in a gate. Nothing that they do can change it."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any, cast

import pluggy
import pytest

from harness.errors import UsageError, choices
from harness.plugin.hooks import hookspecs
from harness.plugin.outcomes import SteelyardWarning

if TYPE_CHECKING:
    from harness.gate.runs.opening import OpenRun
    from harness.records import Report

_PREFIX = "steelyard_"
"""The beginning of each hook's name. A function whose name begins so and is no hook's is refused."""


class HookManager(pluggy.PluginManager):
    """Finds the hooks of a gate in all plugins of pytest.

    pytest's own manager takes no hook whose name does not begin with `pytest_`, so that the plugins are looked through
    by one of their own. A decorator is not needed; that of pytest says the order.

    Args:
        plugins: pytest's, all of which are loaded by now.

    Raises:
        UsageError: a plugin has a hook that there is not, or one with an argument that it has not.
    """

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        super().__init__("steelyard")
        self.add_hookspecs(hookspecs)
        known = {name: inspect.signature(getattr(hookspecs, name)).parameters for name in _hooks(hookspecs)}
        for plugin in plugins.get_plugins() - {hookspecs}:
            name, hooks = str(plugins.get_name(plugin) or plugin), _hooks(plugin)
            for hook in hooks:
                if hook not in known:
                    raise UsageError(f"{name}: {choices('hook', hook, known)}")
                for argument in inspect.signature(getattr(plugin, hook)).parameters:
                    if argument not in known[hook]:
                        raise UsageError(f"{name}: {hook}: {choices('argument', argument, known[hook])}")
            if hooks:
                self.register(plugin, name)

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Called for each name of a plugin: the options of a hook, as its decorator gives them."""
        if not name.startswith(_PREFIX) or not inspect.isroutine(method := getattr(plugin, name)):
            return None
        given = super().parse_hookimpl_opts(plugin, name) or getattr(method, "pytest_impl", None)
        return given or cast(pluggy.HookimplOpts, {})


def _hooks(plugin: object) -> list[str]:
    names = (each for each in dir(plugin) if each.startswith(_PREFIX))
    return [each for each in names if inspect.isroutine(getattr(plugin, each, None))]


class Announcer:
    """Calls the hooks of `harness.plugin.hooks.hookspecs` for one gate, each at its time.

    Args:
        config: pytest's.
        opened: the run.
        evaluations: the ids of those that the session holds.
        manager: has the hooks of all plugins.
    """

    def __init__(
        self, config: pytest.Config, opened: OpenRun, evaluations: tuple[str, ...], manager: HookManager
    ) -> None:
        from harness.records import GateStart

        self._config = config
        self._run = run = opened.run
        candidate, baseline = run.references()
        self._gate = GateStart(
            run_id=run.run_id,
            created=opened.created,
            confidence_level=run.settings.confidence_level,
            candidate=candidate,
            baseline=baseline,
            judges=run.judge_references(),
            evaluations=evaluations,
        )
        self._manager = manager
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
        """Call every implementation by itself, so that one which raises keeps none from being called; warn of the first
        error of each.
        """
        plugins = [each.plugin for each in reversed(getattr(self._manager.hook, name).get_hookimpls())]
        for plugin in dict.fromkeys(plugins):
            others = [other for other in self._manager.get_plugins() if other is not plugin]
            try:
                self._manager.subset_hook_caller(name, others)(gate=self._gate, **given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  a user's code; pytest.fail and sys.exit end nothing here
                who = str(self._manager.get_name(plugin))
                if (name, who) not in self._complained:
                    self._complained.add((name, who))
                    self._warn(f"{who} raised {type(error).__name__} in {name}: {error}. No verdict depends on it.")

    def _warn(self, text: str) -> None:
        """Warn, also where a filter makes warnings errors: what is told here must not end the gate."""
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always", SteelyardWarning)
            warnings.warn(SteelyardWarning(f"steelyard: {text}"), stacklevel=2)
        for message in recorded:
            given = {"warning_message": message, "when": "runtest", "nodeid": "", "location": None}
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=given)
