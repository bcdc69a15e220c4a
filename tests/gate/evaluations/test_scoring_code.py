"""Whether two test functions score by the same code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.gate.evaluations.scoring_code import scoring_digest

MODULE = """
import json
import re

LIMIT = 3
WORD = re.compile("yes")
UNUSED = 1
NAMES = frozenset(["Ada", "Emmy", "Grace", "Mary", "Sophie"])


def counted(text):
    return 3


CHECKS = {"pairs": {("Ada", 1), ("Emmy", 2), ("Grace", 3)}, "counted": counted, "names": ["a", NAMES]}


def grade(text):
    return len(text) < LIMIT and bool(WORD.search(text))


class Grader:
    def grade(self, text):
        return grade(text) and CHECKS["counted"](text)


def other():
    return 1


def body(model, case):
    "What it asks."
    return [grade(each) for each in [json.dumps(model.ask(case.prompt))]] and Grader().grade("")
"""
Load = Callable[[str], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The body of a module with this text."""

    def loaded(text: str) -> Any:
        path = tmp_path / f"module_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, path.stem, module)
        exec(compile(text, str(path), "exec"), vars(module))
        return module.body

    return loaded


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.ask(case.prompt)", "model.ask(case.prompt + '!')"),
        ("len(text) < LIMIT", "len(text) <= LIMIT"),
        ("LIMIT = 3", "LIMIT = 4"),
        ('"yes"', '"no"'),
        ("return grade(text)", "return not grade(text)"),
        ("return 3", "return 4"),
        ('"Grace", ', ""),
    ],
)
def test_other_code_that_scores_is_another(load: Load, old: str, new: str) -> None:
    assert old in MODULE
    assert scoring_digest(load(MODULE)) != scoring_digest(load(MODULE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("UNUSED = 1", "UNUSED = 2"),
        ("return 1", "return 2"),
        ('"What it asks."', '"What it asks, in other words."'),
        ("LIMIT = 3", "LIMIT = (3)  # as the release has it"),
        ("def body", "def decorated(function): return function\n\n\n@decorated\ndef body"),
    ],
)
def test_what_scores_nothing_is_no_difference(load: Load, old: str, new: str) -> None:
    assert old in MODULE
    assert scoring_digest(load(MODULE)) == scoring_digest(load(MODULE.replace(old, new)))


def test_a_method_is_known_and_a_text_that_was_executed_is_not(load: Load) -> None:
    text = "class Suite:\n    async def test_it(self, model, case):\n        return {}\n\n\nbody = Suite().test_it\n"
    first, second = (scoring_digest(load(text.format(value))) for value in (1, 2))
    assert None not in (first, second)
    assert first != second
    space: dict[str, Any] = {}
    exec("def body(model): return 1", space)
    assert scoring_digest(space["body"]) is None


@pytest.mark.parametrize("body", [len, print])
def test_what_is_no_function_of_python_has_none(body: Callable[..., Any]) -> None:
    assert scoring_digest(body) is None
