"""`steelyard corpus diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.stages.data.projects import write_lines

pytestmark = pytest.mark.service

SETTINGS = """
[corpora.raw]
documents = "documents.jsonl"
[corpora.clean]
base = "raw"
steps = ["steps:long_enough"]
[corpora.few]
documents = "few.jsonl"
"""
STEPS = """
def long_enough(document, *, words=9):
    return len(document.text.split()) >= words
"""


@pytest.fixture(autouse=True)
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    (folder / "steelyard.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    rows = [{"id": f"d{n}", "text": " ".join(["word", str(n)] * (2 + n % 9))} for n in range(300)]
    write_lines(folder / "documents.jsonl", rows)
    write_lines(folder / "few.jsonl", [*rows[:50], {"id": "new", "text": "another text"}])


def test_recipes_documents_and_drift_are_told(run: Run) -> None:
    result = run("corpus", "diff", "raw", "clean")
    assert result.exit_code == 0
    assert "clean alone has steps:long_enough" in result.stdout
    assert "198 documents in both, all alike" in result.stdout
    assert "    steps:long_enough: long_enough  102" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    row = next(line for line in result.stdout.splitlines() if line.startswith("  length"))
    assert row.endswith("< 0.001  drift")


def test_corpora_of_other_documents_and_too_few_of_them(run: Run) -> None:
    result = run("corpus", "diff", "raw", "few")
    assert "they begin with different documents" in result.stdout
    assert "never came into few  250" in result.stdout
    assert "1 in few alone, such as new" in result.stdout
    assert "The candidate has 51 documents: drift takes 120 or more." in " ".join(result.stdout.split())
    assert json.loads(run("corpus", "diff", "raw", "few", "--json").stdout)["drift"] is None


def test_unknown_corpus_is_refused_with_the_nearest_before_anything_is_built(run: Run, tmp_path: Path) -> None:
    result = run("corpus", "diff", "raw", "clear")
    assert result.exit_code == 4
    assert "clean" in result.stderr
    assert not (tmp_path / "cache" / "corpora").exists()
