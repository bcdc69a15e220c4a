"""Which parts of a test module one test function comes to."""

from __future__ import annotations

import ast

from harness.gate.changes.dependencies import reached

MODULE = """
import pytest

ONE = "one.txt"
TWO = "two.txt"
THREE = "three.txt"
print("on import.txt")


def helper():
    return deeper()


def deeper():
    return TWO


@pytest.fixture(autouse=True)
def own():
    return "fixture.txt"


def pytest_hook():
    return "hook.txt"


@pytest.mark.evaluation(cases=ONE)
async def test_one(model, case):
    return helper()


@pytest.mark.evaluation(cases="marker.txt")
@pytest.mark.parametrize("x", ["parameter.txt"])
def test_two(model, case, x):
    return THREE


class TestGroup:
    inner = "inner.txt"

    @pytest.mark.evaluation(cases=ONE)
    def test_three(self, model, case):
        return self.helper()

    def helper(self):
        return "method.txt"
"""
ALWAYS = {"on import.txt", "fixture.txt", "hook.txt"}


def texts(function: str, cls: str | None = None, **how: bool) -> set[str]:
    nodes = reached(ast.parse(MODULE), function, cls, **how)
    found = {each.value for node in nodes for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return {text for text in found if isinstance(text, str) and text.endswith(".txt")}


def test_a_function_comes_to_what_it_names_and_what_that_names() -> None:
    assert texts("test_one") == ALWAYS | {"one.txt", "two.txt"}


def test_its_marker_can_be_left_out_and_other_marks_can_not() -> None:
    assert texts("test_one", without_marker=True) == ALWAYS | {"two.txt"}
    assert texts("test_two") == ALWAYS | {"three.txt", "marker.txt", "parameter.txt"}
    assert texts("test_two", without_marker=True) == ALWAYS | {"three.txt", "parameter.txt"}


def test_of_a_class_all_is_reached() -> None:
    assert texts("test_three", "TestGroup") == ALWAYS | {"inner.txt", "method.txt", "one.txt"}


def test_a_function_that_is_not_written_there_comes_to_the_whole_module() -> None:
    whole = {"one.txt", "two.txt", "three.txt", "marker.txt", "parameter.txt", "inner.txt", "method.txt"}
    assert texts("made_elsewhere") == ALWAYS | whole
