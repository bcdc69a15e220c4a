"""The list of checks for checkers of types is whole."""

from __future__ import annotations

import ast
import inspect

from harness import checks, entry_points


def test_checkers_of_types_know_every_check_of_steelyard() -> None:
    found = [node for node in ast.walk(ast.parse(inspect.getsource(checks))) if isinstance(node, ast.ImportFrom)]
    listed = {alias.name for node in found for alias in node.names if alias.asname == alias.name}
    own = {point.name for point in entry_points.of_group("checks") if point.is_own}
    assert listed == own - {"deepeval", "lm_eval"}
