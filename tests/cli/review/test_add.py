"""`steelyard review add`: answers of a run become batches."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.review.runs import EVALUATION

pytestmark = pytest.mark.service


def test_add_finds_the_rubric_by_which_the_judge_went(run: Run, place: Path) -> None:
    result = run("review", "add", "latest")
    assert result.exit_code == 0
    assert re.search(rf"{EVALUATION}: \d\d items of 30 cases, 'Faithful summary'", result.output)
    assert "steelyard review serve" in result.output


def test_what_to_do_next_names_the_store_that_was_named(run: Run, place: Path) -> None:
    place.rename("moved.db")
    assert "steelyard review serve --store moved.db\n" in run("review", "add", "latest", "--store", "moved.db").output
    assert run("review", "status", "--store", "moved.db").output.endswith(
        "next    steelyard review serve --store moved.db\n"
    )


def test_what_the_queue_holds_already_keeps_nothing_else_from_being_added(run: Run, place: Path) -> None:
    assert run("review", "add", "latest").exit_code == 0
    again = run("review", "add", "latest")
    assert again.exit_code == 4
    assert "already, as batch" in again.output
    with Store.open(str(place)) as store:
        (stored,) = store.runs()
        other = [replace(row, evaluation_id="suites/t.py::test_titles") for row in store.scores(stored.run_id)]
        store.add_scores(stored.run_id, other)
    added = run("review", "add", "latest")
    assert added.exit_code == 0
    assert "suites/t.py::test_titles: " in added.output
    assert f"note: The queue holds {EVALUATION} of run" in added.output
    assert len(json.loads(run("review", "status", "--json").stdout)) == 2


def test_add_with_other_forms(run: Run, place: Path) -> None:
    for options, kind, left_out in (
        (["--category", "right=1", "--category", "wrong=0"], "categories", {}),
        (["--text", "What is wrong?"], "text", {}),
        (["--pairs"], "preference", {"equal": 3}),
    ):
        (entry,) = json.loads(run("review", "add", "latest", "--json", *options).output)
        assert (entry["kind"], entry["left_out"]) == (kind, left_out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No stored run or version is called 'nonsense'"),
        (["latest", "--evaluation", "sumaries"], "No evaluation named 'sumaries'"),
        (["latest", "--metric", "scores"], "Did you mean 'score'?"),
        (["latest", "--rubric", "nowhere.md"], "There is no rubric 'nowhere.md'"),
        (["latest", "--pairs", "--text", "Why?"], "give one of them"),
        (["latest", "--category", "right=1"], "give two or more"),
    ],
)
def test_add_refuses_what_is_not_there(run: Run, place: Path, arguments: list[str], said: str) -> None:
    result = run("review", "add", *arguments)
    assert result.exit_code == 4
    assert said in result.output


def test_a_question_without_a_word_is_refused(run: Run, place: Path) -> None:
    result = run("review", "add", "latest", "--text", " ")
    assert result.exit_code == 4
    assert "--text is empty: reviewers would not know what to write." in result.output


def test_add_without_a_rubric_says_what_can_be_asked(run: Run, place: Path) -> None:
    Path("evals/evaluation/summaries/rubric.md").unlink()
    result = run("review", "add", "latest")
    assert result.exit_code == 4
    assert "nothing says what to ask of reviewers. Give a rubric with --rubric PATH" in result.output
