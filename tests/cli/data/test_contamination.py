"""`steelyard corpus contamination`."""

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
"""
TEXT = "The ferry leaves the harbour at seven, when the streets are still wet from the night before."


@pytest.fixture(autouse=True)
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    (folder / "steelyard.toml").write_text(SETTINGS, encoding="utf-8")
    cases = [{"id": f"c{n}", "prompt": f"What is the number {n}?", "expected": f"n{n}"} for n in range(12)]
    write_lines(folder / "evals/numbers/cases.jsonl", cases)
    write_lines(folder / "evals/prose/cases.jsonl", [{"id": "ferry", "text": TEXT}])
    leaks = [{"id": f"leak-{n}", "text": f"Ask: what is the number {n}? Reply: n{n}."} for n in range(4)]
    write_lines(folder / "documents.jsonl", [*leaks, {"id": "story", "text": f"As we said:\n{TEXT}"}])


def test_contaminated_cases_are_shown_with_their_places(run: Run) -> None:
    result = run("corpus", "contamination", "raw")
    assert result.exit_code == 0
    assert result.stdout.startswith("raw: 13 cases looked for in 5 documents\n  5 contaminated, 8 clean, 0 too short")
    assert "  prose/ferry\n    17 words of text in document story, from character 12:" in result.stdout
    assert "numbers/c3" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_is_for_scripts_and_cases_may_be_one_file(run: Run) -> None:
    result = run("corpus", "contamination", "raw", "--cases", "evals/numbers/cases.jsonl", "--json")
    document = json.loads(result.stdout)
    assert [each["id"] for each in document["cases"] if each["state"] == "contaminated"] == ["c0", "c1", "c2", "c3"]
    assert document["cases"][0]["places"][0]["with_answer"]


def test_what_can_not_be_is_refused(run: Run, tmp_path: Path) -> None:
    result = run("corpus", "contamination", "raw", "--cases", "evals/nothing")
    assert result.exit_code == 4
    assert "evals/nothing" in result.stderr
    assert not (tmp_path / "cache" / "corpora").exists()
