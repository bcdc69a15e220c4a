"""Which evaluations are sampled together, in one window of requests, and which wait until their item is set up.

An item is set up, called and torn down by pytest alone, one after the other. Those that need nothing of their own can
be sampled before: when the first of them is called, all begin, and each reports in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from harness.plugin.collection.items import is_evaluation
from harness.plugin.pytest_internals import argument_names, fixture_definitions, fixture_value, is_skipped

_HARMLESS = frozenset({"harness", "pytest_benchmark", "pytest_randomly", "pytest_socket"})
"""Packages whose hooks of a test's setup skip none, and whose fixtures of a test are nothing to an evaluation."""
_WIDE = ("session", "module")
"""Scopes of fixtures whose values evaluations share, those of a module within it."""


def obstacle(item: pytest.Function) -> str:
    """Name what an evaluation can be sampled after, and not before; "" for nothing.

    It is a plugin or conftest.py with a plain hook of a test's setup, which may skip it, a mark, a fixture that lives
    for one test or class or has parameters, or `request`, by which a body may ask for one.
    """
    if is_skipped(item):
        return "marks that skip"
    for hook in item.ihook.pytest_runtest_setup.get_hookimpls():
        package = _package(hook.function)
        if not (hook.wrapper or hook.hookwrapper or package == "_pytest" or package in _HARMLESS):
            path = str(getattr(hook.plugin, "__file__", ""))
            return path.removeprefix(f"{item.config.rootpath}/") if path.endswith("conftest.py") else package
    if "request" in argument_names(item):
        return "request"
    for name, parametrized, definition in _fixtures(item):
        package, is_shared = _package(definition.func), not definition.params and definition.scope in _WIDE
        # One of a parameter's name makes another value of each.
        if not (package == "_pytest" if parametrized else package in _HARMLESS or is_shared):
            return name
    return ""


def companions(first: pytest.Function, items: list[pytest.Item]) -> list[pytest.Function]:
    """Find the evaluations after the first that can be sampled with it: a fixture of a module is set up for as long as
    items of that module follow each other.
    """
    companion_items: list[pytest.Function] = []
    own, is_at_hand = first.getparent(pytest.Module), True
    for item in items[items.index(first) + 1 :]:
        is_at_hand = is_at_hand and item.getparent(pytest.Module) is own
        if is_evaluation(item) and not obstacle(item):
            scopes = {definition.scope for _, parametrized, definition in _fixtures(item) if not parametrized}
            if is_at_hand or "module" not in scopes:
                companion_items.append(item)
    return companion_items


def arguments_of(item: pytest.Function, first: pytest.Function) -> dict[str, Any] | None:
    """Return what the body of a companion takes, its fixtures set up for the first; None where one fails or skips,
    which its own setup tells, or is another one there.
    """
    parameters, values = _parameters(item), dict[str, Any]()
    try:
        for name in item.fixturenames:
            definitions = fixture_definitions(item).get(name)
            if definitions and name not in parameters and definitions[-1].scope in _WIDE:
                if name in _parameters(first):
                    return None
                values[name] = fixture_value(first, name, definitions)
    except (Exception, pytest.skip.Exception, pytest.fail.Exception):  # noqa: BLE001  pytest keeps it for the setup
        return None
    return {name: parameters.get(name, values.get(name)) for name in argument_names(item)}


def in_place_line(evaluations: Iterable[pytest.Function]) -> list[str]:
    """Say that evaluations are sampled one after the other, and because of what."""
    from harness.reporting.shared.figures import plural

    obstacles = list(filter(None, map(obstacle, evaluations)))
    if len(obstacles) < 2:
        return []
    causes = ", ".join(sorted(set(obstacles)))
    return [
        f"{plural(len(obstacles), 'evaluation')} are sampled one after the other, each as its test is set up: {causes}"
    ]


class Neighbours:
    """Hooks beside pytest-timeout and pytest-rerunfailures, which would end an evaluation, or run it again."""

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Called where pytest-timeout sets a timer: there is none for an evaluation, in whose call others are sampled
        too. It has `--deadline`.
        """
        return True if is_evaluation(item) else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: a verdict stays as it is, so that an evaluation is never run again."""
        has: Any = session.config.pluginmanager.hasplugin
        if has("rerunfailures") or has("pytest_rerunfailures"):
            for item in filter(is_evaluation, session.items):
                item.add_marker(pytest.mark.flaky(reruns=0, condition=False), append=False)


def _parameters(item: pytest.Function) -> Mapping[str, Any]:
    given = getattr(item, "callspec", None)
    return {} if given is None else given.params


def _fixtures(item: pytest.Function) -> Iterator[tuple[str, bool, pytest.FixtureDef[Any]]]:
    """All fixtures of an item: the name of each, whether the item has a parameter of that name, and a definition."""
    parameters = _parameters(item)
    for name, definitions in fixture_definitions(item).items():
        yield from ((name, name in parameters, each) for each in definitions)


def _package(function: Callable[..., Any]) -> str:
    return function.__module__.partition(".")[0]
