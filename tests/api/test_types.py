"""A user's bodies pass the strict checks of types, mistakes in them are found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"
EXAMPLES = sorted((ROOT / "docs" / "examples").iterdir())


def lines_marked_wrong() -> list[int]:
    lines = (TYPED / "wrong.py").read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("# wrong")]


def mypy(name: str) -> subprocess.CompletedProcess[str]:
    """mypy as strict as it gets, with the project's settings and so with what it keeps of the project."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"tests/api/typed/{name}"]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(map(str, EXAMPLES))}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.service
@pytest.mark.parametrize("name", ["bodies.py", "extensions.py"])
def test_bodies_scripts_and_the_examples_of_extensions_pass_mypy_strict(name: str) -> None:
    done = mypy(name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.service
def test_mypy_finds_every_mistake() -> None:
    done = mypy("wrong.py")
    found = sorted(
        {int(line) for line in re.findall(r"^tests/api/typed/wrong\.py:(\d+): error", done.stdout, re.MULTILINE)}
    )
    assert found == lines_marked_wrong(), done.stdout + done.stderr


def test_marked_mistakes_are_there() -> None:
    assert len(lines_marked_wrong()) == 7
