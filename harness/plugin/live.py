"""Lets several items be set up at once, which pytest by itself does not.

pytest keeps the set-up nodes as a stack: one item at a time. Here it becomes a tree: the nodes of all live items stay
set up until the last item below them is torn down. Fixture values of function scope, which pytest keeps in definitions
shared by all items, are put aside between an item's setup and its teardown.

This leans on private parts of pytest; `unsupported` says which are missing, and then evaluations run one at a time.
"""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.outcomes import TEST_OUTCOME
from _pytest.runner import SetupState

ALONE = frozenset({"monkeypatch", "capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys", "caplog", "recwarn"})
"""Fixtures that change what all items share: an evaluation that uses one runs alone."""


def unsupported(session: pytest.Session) -> str | None:
    """What this pytest lacks for live items, or None."""
    state = getattr(session, "_setupstate", None)
    wanted = [
        (type(state) is SetupState and isinstance(getattr(state, "stack", None), dict), "SetupState.stack"),
        (hasattr(FixtureDef, "finish"), "FixtureDef.finish"),
        ("_finalizers" in FixtureDef.__init__.__code__.co_names, "FixtureDef._finalizers"),
        ("cached_result" in FixtureDef.__init__.__code__.co_names, "FixtureDef.cached_result"),
    ]
    missing = [name for is_there, name in wanted if not is_there]
    return ", ".join(missing) or None


class SetupTree(SetupState):
    """Set-up nodes as a tree: every node of a live item stays."""

    def __init__(self) -> None:
        super().__init__()
        self._live: set[pytest.Item] = set()
        self._parked: dict[pytest.Item, list[tuple[FixtureDef[Any], Any, list[Any]]]] = {}

    def setup(self, item: pytest.Item) -> None:
        """Set up the nodes above an item, and the item, where that has not happened yet."""
        chain = item.listchain()
        for node in chain:
            if node in self.stack and self.stack[node][1] is not None:
                error, traceback = self.stack[node][1]  # type: ignore[misc]
                raise error.with_traceback(traceback)
        for node in chain:
            if node in self.stack:
                continue
            self.stack[node] = ([node.teardown], None)
            try:
                node.setup()
            except TEST_OUTCOME as error:
                self.stack[node] = (self.stack[node][0], (error, error.__traceback__))
                raise

    def park(self, item: pytest.Function) -> None:
        """Keep an item set up: put its fixture values of function scope aside."""
        self._live.add(item)
        parked = self._parked[item] = []
        for definition in set(item._request._fixture_defs.values()):
            if definition.scope == "function" and definition.cached_result is not None:
                parked.append((definition, definition.cached_result, list(definition._finalizers)))
                definition.cached_result = None
                definition._finalizers.clear()

    def release(self, item: pytest.Item) -> None:
        """Let the next teardown take an item down."""
        self._live.discard(item)

    def release_all(self) -> None:
        """Let the next teardown take everything down."""
        self._live.clear()

    def _unpark(self, item: pytest.Item) -> None:
        for definition, result, finalizers in self._parked.pop(item, ()):
            definition.cached_result = result
            definition._finalizers[:] = finalizers

    def teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Take down every node that neither the next item nor a live one needs."""
        wanted = [*self._live, *([nextitem] if nextitem is not None else [])]
        needed = {node for item in wanted for node in item.listchain()}
        errors: list[BaseException] = []
        for node in [node for node in reversed(self.stack) if node not in needed]:
            if isinstance(node, pytest.Item):
                self._unpark(node)
            finalizers, _ = self.stack.pop(node)
            of_node: list[BaseException] = []
            while finalizers:
                try:
                    finalizers.pop()()
                except TEST_OUTCOME as error:
                    of_node.append(error)
            if len(of_node) > 1:
                of_node = [BaseExceptionGroup(f"errors while tearing down {node!r}", of_node[::-1])]
            errors += of_node
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("errors during test teardown", errors[::-1])


def runs_alone(item: pytest.Function) -> bool:
    """Whether an evaluation uses what can't be shared with others that are live."""
    return bool(ALONE & set(item.fixturenames)) or "request" in item._fixtureinfo.argnames


def shared_parameters(item: pytest.Item) -> dict[str, int]:
    """Parameters of fixtures that outlive an item, by name: items with other values can't be live beside it."""
    given = getattr(item, "callspec", None)
    if given is None:
        return {}
    return {name: index for name, index in given.indices.items() if given._arg2scope[name].value != "function"}
