"""Runs one step over documents, as the tests of the steps do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from datatrove.data import Document

from harness.config import Settings
from harness.stages.data.steps.catalogue import find_step, step_options
from harness.stages.data.steps.step import DocumentStep

ROOT = Path(__file__).parents[4]


def made(name: str, root: Path | None = None, **options: Any) -> DocumentStep:
    """A step with all its options."""
    spec = find_step(name, root or Path())
    return spec.make(step_options(spec, options, where=name))  # type: ignore[return-value]


def document(text: str, **metadata: Any) -> Document:
    return Document(text=text, id="d", metadata=metadata)


def judged(name: str, text: str, /, *, metadata: dict[str, Any] | None = None, **options: Any) -> str | None:
    """Why a step removes a text; None where it stays."""
    return made(name, **options)(document(text, **(metadata or {})))


def elsewhere(code: str) -> list[str]:
    """The lines that code prints in a process whose hashes are others than those of this one."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def settings(root: Path) -> Settings:
    return Settings(root=root)
