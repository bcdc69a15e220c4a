"""A tiny teacher and a student of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config import Settings
from tests.config.settings_files import load
from tests.models.conftest import write_tiny_llama

STUDENT = """
[models.teacher]
engine = "transformers"
weights = "teacher"
[models.student]
engine = "transformers"
[models.student.distilled]
teacher = "teacher"
data = "texts.jsonl"
student = { layers = 2 }
steps = 2
batch = 2
length = 24
learning_rate = 0.001
"""


def write_project(folder: Path) -> None:
    """The teacher, and the texts that the student is taught on."""
    write_tiny_llama(folder / "teacher")
    texts = [
        {"id": f"t{number}", "text": f"The {number} ships of {number * 7} left harbour. " * 3} for number in range(20)
    ]
    (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_project(tmp_path)
    return load(tmp_path, STUDENT)
