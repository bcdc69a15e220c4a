"""The private parts of pytest that the plugin uses. No other module here touches one.

A part that a run can do without is looked for before it is used, and its absence leaves pytest as it is. The tests of
this module say what is relied on, so that a pytest that changes it fails there first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

import pytest
from _pytest._code.code import ReprFileLocation
from _pytest._io import TerminalWriter
from _pytest.assertion import util as assertion_util
from _pytest.fixtures import get_scope_package
from _pytest.nodes import Node
from _pytest.outcomes import TEST_OUTCOME
from _pytest.runner import SetupState, call_and_report

__all__ = ["TEST_OUTCOME", "Node", "SetupState", "call_and_report"]


# -- fixtures ----------------------------------------------------------------------------------------------------------


def argument_names(item: pytest.Function) -> tuple[str, ...]:
    """The names of the fixtures that a test function itself takes."""
    return item._fixtureinfo.argnames


def fixture_definitions(item: pytest.Function) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    """Every fixture that a test function uses, with its definitions from the outermost to the innermost."""
    return item._fixtureinfo.name2fixturedefs


def definitions_in_use(item: pytest.Item) -> set[pytest.FixtureDef[Any]]:
    """The definitions that an item has asked a value of since it was set up."""
    return set(getattr(getattr(item, "_request", None), "_fixture_defs", {}).values())


def finalizers(definition: pytest.FixtureDef[Any]) -> list[Callable[[], object]]:
    """The list, to be read and changed, of what a definition calls when its value is torn down."""
    return definition._finalizers


def scope_node(item: pytest.Item, definition: pytest.FixtureDef[Any]) -> Node:
    """The node that a fixture's value lives for; the item where the fixture asks for a class and there is none."""
    if definition.scope == "session":
        return item.session
    if definition.scope == "package":
        return get_scope_package(item, definition) or item.session
    if definition.scope == "class":
        return item.getparent(pytest.Class) or item
    if definition.scope == "module":
        return item.getparent(pytest.Module) or item
    return item


def shared_parameters(item: pytest.Item) -> dict[str, int]:
    """The index of each parameter of an item that outlives it, by name."""
    given = getattr(item, "callspec", None)
    if given is None:
        return {}
    return {name: index for name, index in given.indices.items() if given._arg2scope[name].value != "function"}


def skip_item(reason: str) -> NoReturn:
    """Skip the item at hand; the line that pytest shows is the test's, as with its mark `skip`."""
    raise pytest.skip.Exception(reason, _use_item_location=True)


def drop_fixtures(item: pytest.Function) -> None:
    """Let go of an item's request and of the values that it was given, as pytest's own protocol does at its end."""
    item._request = False  # type: ignore[assignment]
    item.funcargs = None  # type: ignore[assignment]


# -- set-up nodes ------------------------------------------------------------------------------------------------------


def missing_for_live_items(session: pytest.Session) -> str | None:
    """Name the internals that several live items need and this pytest lacks; None where it has all."""
    state = getattr(session, "_setupstate", None)
    names = pytest.FixtureDef.__init__.__code__.co_names
    wanted = [
        (type(state) is SetupState and isinstance(getattr(state, "stack", None), dict), "SetupState.stack"),
        (hasattr(pytest.FixtureDef, "finish"), "FixtureDef.finish"),
        ("_finalizers" in names, "FixtureDef._finalizers"),
        ("cached_result" in names, "FixtureDef.cached_result"),
    ]
    return ", ".join(name for is_there, name in wanted if not is_there) or None


def replace_setup_state(session: pytest.Session, state: SetupState) -> None:
    """Have a session keep its set-up nodes in this state, before its first item is set up."""
    session._setupstate = state


# -- the terminal ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terminal:
    """The file that pytest's reporter writes to, its width, and whether it takes colours."""

    file: TextIO
    width: int
    has_markup: bool

    @property
    def encoding(self) -> str:
        """The encoding of the file; UTF-8 where it has none of its own."""
        return getattr(self.file, "encoding", None) or "utf-8"


def terminal_of(reporter: pytest.TerminalReporter) -> Terminal:
    """The file that a reporter writes to, with its width in columns and whether it shows colours."""
    writer = reporter._tw
    return Terminal(writer._file, writer.fullwidth, writer.hasmarkup)


class _Line(ReprFileLocation):
    """A line in place of the file and line that pytest shows of an interruption."""

    line = ""

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write it."""
        tw.line(self.line)


def replace_place_of_interruption(reporter: object, line: str) -> None:
    """Show a line where pytest would show the file and line that was interrupted."""
    shown: Any = getattr(reporter, "_keyboardinterrupt_memo", None)
    crash = getattr(shown, "reprcrash", None)
    if crash is not None:
        shown.reprcrash = _Line(crash.path, crash.lineno, crash.message)
        shown.reprcrash.line = line


# -- capture and assertions --------------------------------------------------------------------------------------------


def capture_logs(plugins: pytest.PytestPluginManager, item: pytest.Item) -> AbstractContextManager[None] | None:
    """Keeps what is logged for an item's call, as pytest does; None where pytest keeps no logs."""
    logs: Any = getattr(plugins.get_plugin("logging-plugin"), "_runtest_for", None)
    if inspect.isgeneratorfunction(logs):  # before pytest 9.2
        logs = contextmanager(logs)
    return None if logs is None else logs(item, "call")


@contextmanager
def no_assertion_diffs() -> Iterator[None]:
    """Without pytest's explanations of comparisons, which cost a second for a long answer and are read by nobody."""
    kept = assertion_util._reprcompare
    assertion_util._reprcompare = None
    try:
        yield
    finally:
        assertion_util._reprcompare = kept


def leave_as_written(plugins: pytest.PytestPluginManager, distributed: Collection[str]) -> None:
    """Let Python itself load the packages of a plugin's distribution that are imported from here on.

    pytest's own API only adds marks; should its inside change, modules are rewritten as before.
    """
    hook = plugins.rewrite_hook
    marked, remembered = getattr(hook, "_must_rewrite", None), getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(remembered, dict):
        marked.difference_update(distributed)
        remembered.clear()
