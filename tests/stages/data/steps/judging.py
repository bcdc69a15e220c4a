"""Runs one step over documents, as the tests of the steps do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datatrove.data import Document

from harness.config import Settings
from harness.stages.data.steps.step import DocumentStep, step_options
from harness.stages.data.steps.user import find_step


def made(name: str, root: Path | None = None, **options: Any) -> DocumentStep:
    """A step with all its options."""
    spec = find_step(name, root or Path())
    return spec.make(step_options(spec, options, where=name))  # type: ignore[return-value]


def document(text: str, **metadata: Any) -> Document:
    return Document(text=text, id="d", metadata=metadata)


def judged(name: str, text: str, /, *, metadata: dict[str, Any] | None = None, **options: Any) -> str | None:
    """Why a step removes a text; None where it stays."""
    return made(name, **options)(document(text, **(metadata or {})))


def settings(root: Path) -> Settings:
    return Settings(root=root)
