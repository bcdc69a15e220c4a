"""A request for a training that takes a moment."""

from __future__ import annotations

from pathlib import Path

from harness.config.customization import DistilledSettings
from harness.models.files.content_hash import file_hash
from harness.stages.training.texts import TrainingData
from harness.stages.training.training_worker import TrainingRequest
from tests.models.conftest import write_tiny_llama


def request_of(folder: Path, text: str) -> TrainingRequest:
    """A student of two steps, of a teacher that it is equal to."""
    folder.mkdir(exist_ok=True)
    (folder / "d.jsonl").write_text(text, "utf-8")
    write_tiny_llama(folder / "tiny")
    (folder / "to").mkdir()
    return TrainingRequest(
        version="student",
        settings=DistilledSettings("teacher", "d.jsonl", steps=2, batch=1, length=8),
        data=TrainingData("d.jsonl", folder / "d.jsonl", file_hash(folder / "d.jsonl"), is_corpus=False),
        start=folder / "tiny",
        teacher=folder / "tiny",
        targets=folder / "targets",
        folder=folder / "to",
    )
