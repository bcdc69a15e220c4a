"""Lets several items be set up at once, which pytest by itself does not.

pytest keeps the set-up nodes as a stack: one item at a time. Here it becomes a tree: the nodes of all live items stay
set up until the last item below them is torn down. A fixture's value, which pytest keeps in the one definition that all
items share, is put aside while items of another function, class, module or package are at work.

This leans on private parts of pytest; `unsupported` says which are missing, and then evaluations run one at a time.
"""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.fixtures import FixtureDef, get_scope_package
from _pytest.nodes import Node
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


class FixtureValues:
    """The values of fixtures by the node that they live for: the item, or its class, module, package or session."""

    def __init__(self) -> None:
        self._values: dict[FixtureDef[Any], dict[Node, tuple[Any, list[Any]]]] = {}
        self._owners: dict[FixtureDef[Any], Node | None] = {}

    def note(self, item: pytest.Item) -> None:
        """Remember for which nodes the fixtures of an item were set up."""
        request = getattr(item, "_request", None)
        for definition in set(getattr(request, "_fixture_defs", {}).values()):
            if definition.cached_result is not None:
                owner = self._owners[definition] = _scope_node(item, definition)
                self._values.setdefault(definition, {})[owner] = (definition.cached_result, [])

    def bring(self, chain: list[Node]) -> None:
        """Put every definition into the state that it has for the nodes of this chain; unset where it has none."""
        for definition, values in self._values.items():
            wanted = next((node for node in chain if node in values), None)
            owner = self._owners[definition]
            if wanted is owner:
                continue
            if owner is not None:
                values[owner] = (definition.cached_result, list(definition._finalizers))
            result, finalizers = (None, []) if wanted is None else values[wanted]
            definition.cached_result = result
            definition._finalizers[:] = finalizers
            self._owners[definition] = wanted

    def forget(self, node: Node) -> None:
        """Forget the values of a node that is torn down."""
        for definition, values in list(self._values.items()):
            if values.pop(node, None) is not None and self._owners[definition] is node:
                self._owners[definition] = None
            if not values:
                del self._values[definition], self._owners[definition]


def _scope_node(item: pytest.Item, definition: FixtureDef[Any]) -> Node:
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


class SetupTree(SetupState):
    """Set-up nodes as a tree: every node of a live item stays."""

    def __init__(self) -> None:
        super().__init__()
        self._live: set[pytest.Item] = set()
        self._values = FixtureValues()
        self._latest: pytest.Item | None = None

    def setup(self, item: pytest.Item) -> None:
        """Set up the nodes above an item, and the item, where that has not happened yet."""
        self._settle()
        chain = item.listchain()
        self._values.bring(chain)
        self._latest = item
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

    def _settle(self) -> None:
        """Note the fixtures of the item that was set up last, those that it asked for since included."""
        if self._latest is not None:
            self._values.note(self._latest)
            self._latest = None

    def keep(self, item: pytest.Item) -> None:
        """Keep an item set up until it is released."""
        self._live.add(item)

    def release(self, item: pytest.Item) -> None:
        """Let the next teardown take an item down."""
        self._live.discard(item)

    def release_all(self) -> None:
        """Let the next teardown take everything down."""
        self._live.clear()

    def teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Take down every node that neither the next item nor a live one needs."""
        self._settle()
        wanted = [*self._live, *([nextitem] if nextitem is not None else [])]
        needed = {node for item in wanted for node in item.listchain()}
        errors: list[BaseException] = []
        for node in [node for node in reversed(self.stack) if node not in needed]:
            self._values.bring(node.listchain())
            finalizers, _ = self.stack.pop(node)
            of_node: list[BaseException] = []
            while finalizers:
                try:
                    finalizers.pop()()
                except TEST_OUTCOME as error:
                    of_node.append(error)
            self._values.forget(node)
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
