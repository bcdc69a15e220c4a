"""`steelyard corpus contamination`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import warm
from tests.cli.conftest import Run
from tests.stages.data.projects import write_lines

pytestmark = pytest.mark.service

SETTINGS = """
store = "s.db"
[corpora.raw]
documents = "documents.jsonl"
[models.steady]
engine = "scripted"
default = "no idea"
[models.steady.answers]
"What is the number 0?" = "n0"
"What is the number 1?" = "n1"
"What is the number 2?" = "n2"
"What is the number 3?" = "n3"
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
    assert document["scores"] is None


@pytest.mark.nightly
def test_scores_of_a_stored_run_are_compared(run: Run, folder: Path) -> None:
    """A model that knows what leaked, and nothing else."""
    (folder / "test_numbers.py").write_text(
        "import pytest\n\n"
        '@pytest.mark.evaluation(cases="evals/numbers/cases.jsonl", samples=1, threshold=0.1)\n'
        "async def test_numbers(model, case):\n"
        "    assert case.expected in await model.ask(case.prompt)\n",
        encoding="utf-8",
    )
    warm.run("-m", "pytest", "--candidate", "steady", "-p", "no:deepeval", cwd=folder)
    result = run("corpus", "contamination", "raw", "--run", "latest", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    (scores,) = document["scores"]
    assert (scores["n_leaked"], scores["n_clean"]) == (4, 8)
    assert (scores["difference"]["value"], scores["gain"]) == (1.0, None)
    assert scores["difference"]["low"] > 0.25
    assert scores["is_shown"]
    shown = run("corpus", "contamination", "raw", "--run", "latest").stdout
    assert "+1.00" in shown
    assert "contaminated cases may be" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "latest"], "There is no store at"),
        (["--store", "other.db"], "give --run RUN as well"),
        (["--cases", "evals/nothing"], "evals/nothing"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, arguments: list[str], said: str, tmp_path: Path) -> None:
    result = run("corpus", "contamination", "raw", *arguments)
    assert result.exit_code == 4
    assert said in result.stderr
    assert (tmp_path / "cache" / "corpora").exists() is (arguments[0] == "--run")
