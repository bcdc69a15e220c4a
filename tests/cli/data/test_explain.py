"""`steelyard corpus explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.service


def explained(run: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    """What is told of each document, by id."""
    result = run("corpus", "explain", "clean", "--json", *arguments)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {row["id"]: row for row in rows}


def test_every_document_is_explained_where_none_is_named(corpora: Path, run: Run) -> None:
    rows = explained(run)
    assert len(rows) == 20
    assert sum(row["kept"] for row in rows.values()) == 15
    assert rows["d5"] == {
        "id": "d5",
        "kept": False,
        "step": "steps:long_enough",
        "reason": "long_enough",
        "duplicate_of": None,
        "before": "two words",
        "after": None,
    }
    assert (rows["d1"]["before"], rows["d1"]["after"]) == ("this is the text number 1", "THIS IS THE TEXT NUMBER 1")


@pytest.mark.parametrize(
    ("arguments", "n"),
    [
        (["d5", "d1"], 2),
        (["--removed"], 5),
        (["--step", "exact"], 1),
        (["d5", "d1", "--removed"], 1),
    ],
)
def test_documents_are_chosen_by_id_step_and_reason(corpora: Path, run: Run, arguments: list[str], n: int) -> None:
    assert len(explained(run, *arguments)) == n


def test_people_see_a_line_for_each_and_the_text_of_those_that_they_name(corpora: Path, run: Run) -> None:
    rows = run("corpus", "explain", "clean", "--removed").stdout.splitlines()
    assert len(rows) == 5
    assert all("removed by" in row for row in rows)
    named = run("corpus", "explain", "clean", "d5", "d1").stdout
    assert "text that came in, 9 characters\n    two words\n\nd1  kept, changed" in named


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["d99"], "No document 'd99' came into the corpus 'clean'. Did you mean"),
        (
            ["--step", "exakt"],
            "--step: No step named 'exakt'. Steps: exact, steps:long_enough, steps:shouting.",
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is(corpora: Path, run: Run, arguments: list[str], said: str) -> None:
    result = run("corpus", "explain", "clean", *arguments)
    assert result.exit_code == 4
    assert said in result.stderr
