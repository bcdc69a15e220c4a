"""A project with a corpus, built once for all tests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LIGHT

if LIGHT:  # a folder's conftest is imported before the hooks of those above it are asked
    pytest.importorskip("datatrove")

from tests.stages.data.projects import STEPS, some_rows, write_lines

SETTINGS = """
[models.small]
engine = "scripted"
default = "yes"

[corpora.raw]
documents = "web.jsonl"

[corpora.clean]
base = "raw"
steps = ["steps:long_enough", "exact", "steps:shouting"]
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one command has built is there for the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def corpora(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with twenty documents, of which the steps keep fifteen."""
    monkeypatch.setenv("STEELYARD_CACHE", str(cache))
    rows = some_rows(20)
    write_lines(folder / "web.jsonl", [*rows[:19], {**rows[19], "text": rows[18]["text"]}])
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    (folder / "steelyard.toml").write_text(SETTINGS, encoding="utf-8")
    return folder
