"""Tells plugins what happens in a gate. Nothing that they do can change it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError, choices
from harness.plugin.hooks import hookspecs
from harness.plugin.outcomes import SteelyardWarning

if TYPE_CHECKING:
    from harness.gate.runs.run import Run
    from harness.records import Report

_PREFIX = "steelyard_"
"""The beginning of each hook's name. A function whose name begins so and is no hook's is refused."""
Hook = tuple[str, Callable[..., Any], tuple[str, ...]]
"""The name of its plugin, the function, and the arguments that it takes."""


def find_hooks(plugins: pytest.PytestPluginManager) -> dict[str, list[Hook]]:
    """Find the hooks of a gate in all plugins of pytest, in the order in which they are called: that of the last plugin
    first, unless pytest's decorator says otherwise.

    pytest's own manager takes no hook whose name does not begin with `pytest_`.

    Raises:
        UsageError: a plugin has a hook that there is not, one with an argument that it has not, or a wrapper.
    """
    known = {name: inspect.signature(getattr(hookspecs, name)).parameters for name in _hooks(hookspecs)}
    hooks: dict[str, list[Hook]] = {name: [] for name in known}
    for name, plugin in reversed(plugins.list_name_plugin()):
        for hook in _hooks(plugin):
            if hook not in known:
                raise UsageError(f"{name}: {choices('hook', hook, known)}")
            function = getattr(plugin, hook)
            if inspect.isgeneratorfunction(function):
                raise UsageError(f"{name}: {hook} is a wrapper: a hook of a gate is called, and wraps nothing.")
            names = tuple(inspect.signature(function).parameters)
            for argument in names:
                if argument not in known[hook]:
                    raise UsageError(f"{name}: {hook}: {choices('argument', argument, known[hook])}")
            hooks[hook].append((name, function, names))
    return {hook: sorted(each, key=_turn) for hook, each in hooks.items()}


def _hooks(plugin: object) -> Iterable[str]:
    names = [each for each in dir(plugin) if each.startswith(_PREFIX)]
    return [each for each in names if inspect.isroutine(getattr(plugin, each, None))]


def _turn(hook: Hook) -> int:
    marked = getattr(hook[1], "pytest_impl", {})
    return bool(marked.get("trylast")) - bool(marked.get("tryfirst"))


class Announcer:
    """Calls the hooks of `harness.plugin.hooks.hookspecs` for one gate, each at its time.

    Args:
        config: pytest's.
        run: the gate.
        ids: of its evaluations.
        hooks: of all plugins.
    """

    def __init__(self, config: pytest.Config, run: Run, ids: tuple[str, ...], hooks: dict[str, list[Hook]]) -> None:
        from harness.records import GateStart

        self._config, self._hooks = config, hooks
        self._run = run
        candidate, baseline, _ = run.references()
        self._gate = GateStart(
            run_id=run.run_id,
            created=run.created,
            confidence_level=run.settings.confidence_level,
            candidate=candidate,
            baseline=baseline,
            judges=run.judge_references(),
            evaluations=ids,
        )
        self._announced: set[str] = set()
        self._complained: set[tuple[str, str]] = set()

    def started(self) -> None:
        """Tell that the gate begins."""
        self._call("steelyard_gate_started")

    def decided(self) -> None:
        """Tell the verdicts that are known by now and have not been told."""
        by_id: dict[str, list[Any]] = {}
        for verdict in self._run.all_verdicts:
            if verdict.id not in self._announced:
                by_id.setdefault(verdict.id, []).append(verdict)
        self._announced.update(by_id)
        for verdicts in by_id.values():
            self._call("steelyard_evaluation_decided", verdicts=tuple(verdicts))

    def finished(self, report: Report) -> None:
        """Tell how the gate ended."""
        self.decided()
        self._call("steelyard_gate_finished", report=report)

    def _call(self, name: str, **given: Any) -> None:
        """Call every implementation, whatever the one before raised; warn of the first error of each."""
        given["gate"] = self._gate
        for who, function, names in self._hooks[name]:
            try:
                function(**{each: given[each] for each in names})
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  a user's code; pytest.fail and sys.exit end nothing here
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
