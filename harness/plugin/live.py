"""Lets several items be set up at once, which pytest by itself does not.

pytest keeps the set-up nodes as a stack: one item at a time. Here it becomes a tree: the nodes of all live items stay
set up until the last item below them is torn down. A fixture's value, which pytest keeps in the one definition that all
items share, is put aside while items of another function, class, module or package are at work.

Where this pytest lacks what that needs, evaluations run one at a time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from harness.plugin import pytest_internals
from harness.plugin.outcomes import SteelyardWarning
from harness.plugin.pytest_internals import TEST_OUTCOME, Node, SetupState

ALONE = frozenset({"monkeypatch", "capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys", "caplog", "recwarn"})
"""Fixtures that change what all items share: an evaluation that uses one runs alone."""


class FixtureValues:
    """The values of fixtures by the node that they live for: the item, or its class, module, package or session."""

    def __init__(self) -> None:
        self._values: dict[pytest.FixtureDef[Any], dict[Node, tuple[Any, list[Any]]]] = {}
        self._owners: dict[pytest.FixtureDef[Any], Node | None] = {}

    def note(self, item: pytest.Item) -> None:
        """Remember for which nodes the fixtures of an item were set up."""
        for definition in pytest_internals.definitions_in_use(item):
            if definition.cached_result is not None:
                owner = self._owners[definition] = pytest_internals.scope_node(item, definition)
                self._values.setdefault(definition, {})[owner] = (definition.cached_result, [])

    def bring(self, chain: list[Node]) -> None:
        """Put every definition into the state that it has for the nodes of this chain; unset where it has none."""
        for definition, values in self._values.items():
            wanted = next((node for node in chain if node in values), None)
            owner = self._owners[definition]
            if wanted is owner:
                continue
            if owner is not None:
                values[owner] = (definition.cached_result, list(pytest_internals.finalizers(definition)))
            result, finalizers = (None, []) if wanted is None else values[wanted]
            definition.cached_result = result
            pytest_internals.finalizers(definition)[:] = finalizers
            self._owners[definition] = wanted

    def forget(self, node: Node) -> None:
        """Forget the values of a node that is torn down."""
        for definition, values in list(self._values.items()):
            if values.pop(node, None) is not None and self._owners[definition] is node:
                self._owners[definition] = None
            if not values:
                del self._values[definition], self._owners[definition]


class SetupTree(SetupState):
    """Set-up nodes as a tree: every node of a live item stays."""

    def __init__(self) -> None:
        super().__init__()
        self._values = FixtureValues()
        self._latest: pytest.Item | None = None
        self._live: dict[pytest.Item, None] = {}
        self._users: Counter[Node] = Counter()
        self._idle: set[Node] = set()
        self._order: dict[Node, int] = {}
        self._numbers = itertools.count()

    def setup(self, item: pytest.Item) -> None:
        """Set up the nodes above an item, and the item, where that has not happened yet."""
        self._settle()
        chain = item.listchain()
        self._values.bring(chain)
        self._latest = item
        self._idle.update(chain)
        for node in chain:
            if node in self.stack and self.stack[node][1] is not None:
                error, traceback = self.stack[node][1]  # type: ignore[misc]
                raise error.with_traceback(traceback)
        for node in chain:
            if node in self.stack:
                continue
            self._order[node] = next(self._numbers)
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
        self._live[item] = None
        self._users.update(item.listchain())

    def release(self, item: pytest.Item) -> None:
        """Let the next teardown take an item down."""
        if item in self._live:
            del self._live[item]
            self._users.subtract(item.listchain())
            self._idle.update(item.listchain())

    def release_all(self) -> None:
        """Let the next teardown take everything down."""
        for item in list(self._live):
            self.release(item)

    def teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Take down every node that neither the next item nor a live one needs."""
        self._settle()
        needed = set() if nextitem is None else set(nextitem.listchain())
        idle = {node for node in self._idle if node in self.stack and not self._users[node]}
        self._idle = idle & needed
        errors: list[BaseException] = []
        for node in sorted(idle - needed, key=self._order.__getitem__, reverse=True):
            errors += self._take_down(node)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("errors during test teardown", errors[::-1])

    def _take_down(self, node: Node) -> list[BaseException]:
        """Run a node's finalizers, the last first; gives what they raised, as one error."""
        self._values.bring(node.listchain())
        finalizers, _ = self.stack.pop(node)
        errors: list[BaseException] = []
        while finalizers:
            try:
                finalizers.pop()()
            except TEST_OUTCOME as error:
                errors.append(error)
        self._values.forget(node)
        del self._order[node], self._users[node]
        if len(errors) > 1:
            return [BaseExceptionGroup(f"errors while tearing down {node!r}", errors[::-1])]
        return errors


def grow_tree(session: pytest.Session) -> SetupTree | None:
    """Give a session a tree, before its first item is set up; None with a warning where its pytest can't have one."""
    lacking = pytest_internals.missing_for_live_items(session)
    if lacking is not None:
        warning = SteelyardWarning(f"steelyard: this pytest has no {lacking}: evaluations run one after the other")
        session.config.issue_config_time_warning(warning, stacklevel=2)
        return None
    tree = SetupTree()
    pytest_internals.replace_setup_state(session, tree)
    return tree


def runs_alone(item: pytest.Function) -> bool:
    """Tell whether an evaluation uses what can't be shared with others that are live."""
    return bool(ALONE & set(item.fixturenames)) or "request" in pytest_internals.argument_names(item)
