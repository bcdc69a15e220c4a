"""The public names: they are there, load what they need alone, and the documentation uses no others."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest

import harness
from harness import errors, extension

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if not {"contributing", "_build"} & {*page.parts}),
]
CODE = [
    *sorted((ROOT / "suites").rglob("*.py")),
    *sorted((ROOT / "evals").rglob("*.py")),
    *sorted((ROOT / "harness" / "cli" / "scaffold").rglob("*.py")),
    ROOT / "conftest.py",
]


def loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", [harness, extension], ids=lambda module: module.__name__)
def test_every_public_name_is_there_and_sorted(module) -> None:
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        module.no_such_name  # noqa: B018 - asking for it is the test


@pytest.mark.parametrize("module", [harness, extension], ids=lambda module: module.__name__)
def test_checkers_of_types_see_the_names_that_load(module) -> None:
    blocks = [each for each in ast.parse(inspect.getsource(module)).body if isinstance(each, ast.If)]
    typed = [alias.asname or alias.name for block in blocks for node in block.body for alias in node.names]
    assert sorted(typed) == sorted(module.__all__)


@pytest.mark.service
def test_the_public_names_bring_nothing_of_an_extra() -> None:
    found = {module.partition(".")[0] for module in loaded("from harness import *")}
    assert {"numpy", "sqlalchemy"} <= found
    assert found & {"torch", "transformers", "vllm", "deepeval", "lm_eval", "mlflow", "datasets", "fastapi"} == set()


def test_the_names_of_extensions_load_nothing_before_they_are_asked_for() -> None:
    assert "harness.models" not in loaded("import harness.extension")


def test_one_module_of_statistics_brings_no_others() -> None:
    found = loaded("from harness.statistics.arrays import FloatArray")
    assert "numpy" in found
    assert "scipy" not in found
    assert "krippendorff" not in found


def test_every_error_that_a_public_one_is_has_a_public_name() -> None:
    for name in harness.__all__:
        kind = getattr(harness, name)
        if isinstance(kind, type) and issubclass(kind, errors.SteelyardError):
            parents = {parent.__name__ for parent in kind.__mro__ if issubclass(parent, errors.SteelyardError)}
            assert parents <= set(harness.__all__)


def test_errors_that_bodies_and_scripts_are_told_of_are_public() -> None:
    """Those that docstrings of public functions and methods raise."""
    told = set()
    for name in harness.__all__:
        thing = getattr(harness, name)
        methods = vars(thing).values() if isinstance(thing, type) else [thing]
        for method in methods:
            text = getattr(getattr(method, "__func__", method), "__doc__", None) or ""
            told |= set(re.findall(r"^\s+(\w+Error):", text, re.MULTILINE))
    assert {"CapabilityError", "JudgeError"} <= told
    assert told - {"ValueError", "KeyError", "UnstorableError"} <= set(harness.__all__)


def is_public(name: str) -> bool:
    """Whether a dotted name is that of a public module, or lies in a public name of one."""
    name = re.sub(r"^steelyard\b", "harness", name)
    if name in ("harness", "harness.extension"):
        return True
    module = extension if name.startswith("harness.extension.") else harness
    return name.removeprefix(f"{module.__name__}.").partition(".")[0] in module.__all__


def imports(text: str) -> list[str]:
    """Every name of Steelyard that Python code imports, dotted."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{each.name}" for each in node.names]
    return [name for name in found if name.partition(".")[0] in ("harness", "steelyard")]


def test_what_is_internal_is_told_from_what_is_public() -> None:
    assert imports("import harness\nfrom harness.store import Store\nimport os") == ["harness", "harness.store.Store"]
    assert is_public("steelyard.extension.Engine")
    assert is_public("harness.checks.exact")
    assert not is_public("harness.store.Store")
    assert not is_public("harness.statistics")


def test_the_documentation_imports_public_names_alone() -> None:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(?!# shown)(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        inline = re.findall(r"`(?:from )?(harness(?:\.\w+)+)", text)
        named = [name for block in blocks for name in imports(block)] + inline
        found += [f"{page.name}: {name}" for name in named if not is_public(name)]
    assert found == []


def test_the_projects_own_suites_import_public_names_alone() -> None:
    assert [
        f"{path.relative_to(ROOT)}: {name}"
        for path in CODE
        for name in imports(path.read_text(encoding="utf-8"))
        if not is_public(name)
    ] == []


def test_what_stays_of_the_store_is_there() -> None:
    text = (ROOT / "docs" / "contributing" / "stability.md").read_text(encoding="utf-8")
    listed = re.search(r"of it (.*?) are\.", text, re.DOTALL)
    assert listed is not None
    names = re.findall(r"`(\w+)`", listed[1])
    assert len(names) == 8
    assert [name for name in names if not hasattr(harness.Store, name)] == []


def test_types_of_public_signatures_can_be_read() -> None:
    """What annotations name is there at run time too, for who reads them."""
    for name in ("Score", "Measure", "Sample", "TokenLogprob"):
        assert typing.get_type_hints(getattr(harness, name))


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert harness.__version__ == project["version"]


@pytest.mark.service
def test_no_other_distribution_brings_a_module_of_that_name() -> None:
    owners = importlib.metadata.packages_distributions()
    assert set(owners.get("steelyard", ["steelyard"])) == {"steelyard"}
