"""Paths are worked out from code, without running it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness.config.repository.path_expressions import PathExpressions

FILE = Path("/project/suites/a/test_it.py")
VALUES = {"ROOT": Path("/project"), "NAME": "x.json", "MANY": ["a.txt", Path("b.txt")], "EMPTY": "", "NUMBER": 3}


def of(code: str, before: str = "") -> list[str] | None:
    """What the expression that stands last in a module, or in a function of it, comes to."""
    tree = ast.parse(f"{before}\n{code}")
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    found = PathExpressions(tree, FILE, VALUES).of(last.value)
    return None if found is None else [path.as_posix() for path in found]


@pytest.mark.parametrize(
    ("code", "paths"),
    [
        ("'data/a.txt'", ["data/a.txt"]),
        ("Path('data') / 'a.txt'", ["data/a.txt"]),
        ("pathlib.Path('data', 'a.txt')", ["data/a.txt"]),
        ("ROOT / 'evals' / NAME", ["/project/evals/x.json"]),
        ("Path(__file__).parent / 'a.txt'", ["/project/suites/a/a.txt"]),
        ("Path(__file__).resolve().parents[2] / 'a.txt'", ["/project/a.txt"]),
        ("os.path.join(os.path.dirname(__file__), 'a.txt')", ["/project/suites/a/a.txt"]),
        ("Path(__file__).with_name('a.txt')", ["/project/suites/a/a.txt"]),
        ("Path('a/b.csv').with_suffix('.json')", ["a/b.json"]),
        ("str(ROOT.joinpath('a', 'b.txt'))", ["/project/a/b.txt"]),
        ("f'{ROOT}/a/{NAME}'", ["/project/a/x.json"]),
        ("MANY", ["a.txt", "b.txt"]),
        ("['a.txt', NAME]", ["a.txt", "x.json"]),
        ("'a.txt' if NUMBER else 'b.txt'", ["a.txt", "b.txt"]),
        ("sorted(ROOT.glob('*.json'))", ["/project"]),
        ("Path('a').parents[9]", ["."]),
    ],
)
def test_what_is_known_is_put_together(code: str, paths: list[str]) -> None:
    assert of(code) == paths


@pytest.mark.parametrize(
    ("code", "folder"),
    [
        ("ROOT / 'evals' / case.file", "/project/evals"),
        ("Path('data', name)", "data"),
        ("f'data/part-{number}.json'", "data"),
        ("f'{ROOT}/evals/{name}.json'", "/project/evals"),
    ],
)
def test_of_what_is_known_in_part_it_is_the_folder_above(code: str, folder: str) -> None:
    assert of(code) == [folder]


@pytest.mark.parametrize(
    "code", ["case.file", "name", "Path(name)", "f'{name}/a'", "f'part-{name}'", "NUMBER", "EMPTY", "''", "get()", "[]"]
)
def test_what_is_not_known_is_none(code: str) -> None:
    assert of(code) is None


def test_names_of_a_function_are_those_that_it_gives_and_its_arguments_are_not_known() -> None:
    local = "def f(NAME):\n    path = ROOT / 'a'\n    for each in path.iterdir():\n        pass\n"
    assert of("path", local) == ["/project/a"]
    assert of("each", local) == ["/project/a"]
    assert of("NAME", local) is None


def test_a_name_that_is_made_of_itself_ends() -> None:
    assert of("path", "def f():\n    path = 'a'\n    path = path / 'b'\n") is None


def test_names_of_a_module_that_was_not_imported_are_those_that_it_gives() -> None:
    assert of("OTHER / 'a'", "OTHER = Path('data')") == ["data/a"]
    assert of("ROOT", "ROOT = Path('elsewhere')") == ["/project"]
