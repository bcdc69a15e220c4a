"""The list of checks for checkers of types is whole, and what waits for nothing is in one of its halves."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

from harness import checks, doors
from harness.scoring.checks import plain


def listed(module: ModuleType) -> set[str]:
    """The names that a module gives on, as `from … import name as name`."""
    found = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in found for alias in node.names if alias.asname == alias.name}


def test_checkers_of_types_know_every_check_of_steelyard() -> None:
    modules = {"deepeval", "lm_eval"}
    own = {door.name for door in doors.doors("checks") if door.is_own}
    assert listed(checks) | listed(plain) == own - modules


def test_those_that_wait_are_not_among_the_plain_ones() -> None:
    assert listed(checks) == {"choose", "multiple_choice", "runs"}
    assert all(getattr(plain, name) is getattr(checks, name) for name in listed(plain))
