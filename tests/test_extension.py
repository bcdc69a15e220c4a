import ast
import inspect
import re
import sys
from pathlib import Path
from subprocess import run

import pytest

from harness import extension


@pytest.mark.parametrize("name", extension.__all__)
def test_every_name_loads(name: str) -> None:
    assert getattr(extension, name) is not None
    assert name in dir(extension)


def test_checkers_of_types_see_the_names_that_load() -> None:
    tree = ast.parse(inspect.getsource(extension))
    typed = {
        alias.asname or alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names = {name: module for module, names in extension._NAMES.items() for name in names.split()}
    homes = {**names, "setting_checks": "harness.config"}
    assert typed == homes == {name: homes[name] for name in extension.__all__}


def test_every_name_is_in_the_reference() -> None:
    text = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
    section = text.partition("`from harness.extension import …`")[2].partition("\n## ")[0]
    listed = [
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(listed) == sorted(extension.__all__)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        extension.Motor  # noqa: B018


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, harness.extension; print(any(name.startswith('harness.models') for name in sys.modules))"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
