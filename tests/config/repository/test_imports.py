"""Where import statements lead, without running them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from harness.config.repository.imports import imported_by, module_files, parsed
from tests.repositories import write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with a package, a module and a namespace."""
    for name in ("pkg_of_test/__init__.py", "pkg_of_test/sub/__init__.py", "pkg_of_test/sub/leaf.py"):
        write(tmp_path, name, "raise RuntimeError('imported')\n")
    write(tmp_path, "mod_of_test.py", "raise RuntimeError('imported')\n")
    write(tmp_path, "space_of_test/inner.py")
    write(tmp_path, "suites/beside.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def imported(folder: Path, code: str, file: str = "suites/test_it.py") -> tuple[set[str], set[str]]:
    """The files of the folder that code leads to, and the names that lead nowhere."""
    found = imported_by(ast.parse(code), folder / file)
    inside = {path.relative_to(folder).as_posix() for path in found.files if path.is_relative_to(folder)}
    return inside, found.missing


PACKAGE = {"pkg_of_test/__init__.py", "pkg_of_test/sub/__init__.py"}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import mod_of_test", {"mod_of_test.py"}),
        ("import pkg_of_test.sub.leaf", PACKAGE | {"pkg_of_test/sub/leaf.py"}),
        ("from pkg_of_test.sub import leaf", PACKAGE | {"pkg_of_test/sub/leaf.py"}),
        ("from pkg_of_test.sub import something_else", PACKAGE),
        ("from pkg_of_test import *", {"pkg_of_test/__init__.py"}),
        ("from space_of_test import inner", {"space_of_test/inner.py"}),
        ("import beside", {"suites/beside.py"}),
        ("def f():\n    import mod_of_test", {"mod_of_test.py"}),
        ("if TYPE_CHECKING:\n    import mod_of_test", {"mod_of_test.py"}),
        ("import json, os.path", set()),
    ],
)
def test_imports_lead_to_modules_and_the_packages_around_them(folder: Path, code: str, files: set[str]) -> None:
    assert imported(folder, code) == (files, set())


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("from . import leaf", PACKAGE - {"pkg_of_test/__init__.py"} | {"pkg_of_test/sub/leaf.py"}),
        ("from .leaf import x", {"pkg_of_test/sub/__init__.py", "pkg_of_test/sub/leaf.py"}),
        ("from .. import sub", PACKAGE),
        ("from ..sub.leaf import x", PACKAGE | {"pkg_of_test/sub/leaf.py"}),
    ],
)
def test_relative_imports_start_from_the_file(folder: Path, code: str, files: set[str]) -> None:
    assert imported(folder, code, "pkg_of_test/sub/other.py") == (files, set())


def test_a_module_that_is_not_there_is_missing(folder: Path) -> None:
    assert imported(folder, "import gone_of_test.x") == (set(), {"gone_of_test.x"})
    assert imported(folder, "from .gone import x", "pkg_of_test/other.py") == ({"pkg_of_test/__init__.py"}, {"gone"})


def test_nothing_is_imported_by_looking(folder: Path) -> None:
    assert module_files("pkg_of_test.sub.leaf", folder / "test_it.py") is not None
    assert not {"pkg_of_test", "mod_of_test"} & set(sys.modules)


def test_what_is_no_code_is_not_parsed(tmp_path: Path) -> None:
    assert parsed(write(tmp_path, "a.py", "def (")) is None
    assert parsed(tmp_path / "none.py") is None
    assert parsed(write(tmp_path, "b.py", "x = 1")) is not None


@pytest.mark.parametrize("is_given", [True, False])
def test_a_module_in_packages_without_init_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_given: bool
) -> None:
    write(tmp_path, "company_without_init/team/bot.py")
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path)] if is_given else None
    found = module_files("company_without_init.team.bot", tmp_path / "test_it.py", paths)
    assert found == {tmp_path / "company_without_init/team/bot.py"}
