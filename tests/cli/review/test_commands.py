import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.review import Queue
from harness.scoring.judging.rubric import read_rubric
from harness.store import Store
from tests.cli.conftest import Run
from tests.review import runs
from tests.review.runs import EVALUATION, RUBRIC

COMMANDS = ["add", "list", "status", "guidelines", "agreement", "export", "import", "close", "reopen"]


@pytest.fixture
def place(folder: Path) -> Path:
    """A project with a rubric and a store in it that holds one judged run."""
    rubric = folder / "evals" / "evaluation" / "summaries" / "rubric.md"
    rubric.parent.mkdir(parents=True)
    rubric.write_text(RUBRIC)
    (folder / "steelyard.toml").write_text("")
    path = folder / ".steelyard" / "store.db"
    with Store.open(str(path)) as store:
        runs.add_run(store, rubric=read_rubric(RUBRIC, "").digest)
    return path


@pytest.fixture
def batch(run: Run, place: Path) -> str:
    """The id of a batch of twenty answers, each wanting two labels."""
    (entry,) = json.loads(run("review", "add", "latest", "--items", "20", "--overlap", "2", "--json").output)
    assert entry["items"] == 20
    return str(entry["batch"])


def label(place: Path, reviewer: str, values: list[int]) -> None:
    with Store.open(str(place)) as store:
        queue = Queue(store)
        if reviewer not in {each.name for each in queue.reviewers()}:
            queue.add_reviewer(reviewer)
        for number, value in enumerate(values):
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"{number}")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(run: Run, command: str) -> None:
    result = run("review", command, "--help")
    assert result.exit_code == 0
    assert f"  steelyard review {command}" in result.output.split("Example")[1]


@pytest.mark.quick
def test_serve_names_the_command_that_gives_tokens(run: Run) -> None:
    assert "`steelyard review reviewer add`" in " ".join(run("review", "serve", "--help").output.split())
    assert run("review", "reviewer", "add", "--help").exit_code == 0


@pytest.mark.parametrize("command", ["add", "token", "disable", "list"])
def test_each_command_of_reviewers_has_help_with_an_example(run: Run, command: str) -> None:
    result = run("review", "reviewer", command, "--help")
    assert f"  steelyard review reviewer {command}" in result.output.split("Example")[1]


def test_add_finds_the_rubric_by_which_the_judge_went(run: Run, place: Path) -> None:
    result = run("review", "add", "latest")
    assert result.exit_code == 0
    assert re.search(rf"{EVALUATION}: \d\d items of 30 cases, 'Faithful summary'", result.output)
    assert "steelyard review serve" in result.output


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


def test_list_and_status_tell_how_far_it_is(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3, 2, 1])
    label(place, "bob", [3, 1])
    listed = run("review", "list").output
    assert batch in listed
    assert "20       5     35" in listed
    assert re.search(r"^ {10}\d{4}-\d\d-\d\d \d\d:\d\d, run 20261124-161500-0a1b2c, small$", listed, re.MULTILINE)
    status = run("review", "status", batch[:5]).output
    assert "20 items: 1 done, 18 open, 1 disputed, 0 flagged" in status
    assert "ann: 3 labelled, 0 skipped, 0 flagged" in status
    (entry,) = json.loads(run("review", "status", "--json").output)
    assert (entry["left"], entry["n_done"]) == (35, 1)
    (entry,) = json.loads(run("review", "list", "--json").output)
    assert (entry["kind"], entry["source"]["cases"]) == ("scale", 30)
    assert (entry["run"], entry["candidate"], entry["created"] > 0) == ("20261124-161500-0a1b2c", "small", True)
    assert max(map(len, [*listed.splitlines(), *status.splitlines()])) <= 100


@pytest.mark.parametrize(
    "command",
    [
        "review list",
        "review status",
        "review guidelines b",
        "review agreement b",
        "review export b",
        "review close b",
        "review reopen b",
        "review add latest",
        "review reviewer list",
        "review reviewer token ann",
        "review reviewer disable ann",
        "gate --resume latest",
        "review import items.jsonl",
    ],
)
def test_a_store_that_is_not_there_is_said_and_not_made(run: Run, place: Path, command: str) -> None:
    Path("items.jsonl").touch()
    result = run(*command.split(), "--store", "mistyped/store.db")
    assert result.exit_code == 4
    assert "There is no store at" in result.output
    assert not Path("mistyped").exists()


def test_the_first_reviewer_makes_a_store_and_says_so(run: Run, place: Path) -> None:
    result = run("review", "reviewer", "add", "ann", "--store", "new/store.db")
    assert result.output.startswith("Made a new store: ")
    assert Path("new/store.db").exists()
    assert "Made" not in run("review", "reviewer", "add", "bob", "--store", "new/store.db").output


def test_an_empty_queue_says_how_to_fill_it(run: Run, place: Path) -> None:
    for command in ("list", "status"):
        assert "`steelyard review add RUN` fills it" in run("review", command).output


def test_guidelines_show_what_is_asked(run: Run, batch: str) -> None:
    shown = run("review", "guidelines", batch).output
    for line in ("Faithful summary", "  Read the passage first.", "  2: half right  (counts 0.5)"):
        assert line in shown.splitlines()


def test_agreement_of_people_and_of_the_judge(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3, 2, 1, 1, 3, 3])
    label(place, "bob", [3, 2, 1, 2, 3, 3])
    shown = run("review", "agreement", batch).output
    assert "6 of 20 items have two labels or more, 1 of them differing" in shown
    assert "Krippendorff's alpha 0." in shown
    assert "Cohen's kappa, ann and bob 0." in shown
    assert "sensitivity" in shown
    assert "right: a score of 0.5 or more" in shown
    assert "ranges: Krippendorff's alpha (ordinal), bootstrap over 6 units; " in shown
    assert max(map(len, shown.splitlines())) <= 80
    told = json.loads(run("review", "agreement", batch, "--json").output)
    assert told["n_overlapping"] == 6
    assert sum(told["judge"][name] for name in ("right_right", "right_wrong", "wrong_right", "wrong_wrong")) == 5


@pytest.mark.parametrize("name", ["jsonl", "csv", "label-studio", "argilla"])
def test_what_was_exported_comes_back(run: Run, place: Path, batch: str, name: str) -> None:
    label(place, "ann", [3, 2, 1])
    file = f"out.{name if name in ('jsonl', 'csv') else 'json'}"
    result = run("review", "export", batch, "--format", name, "--unblind", "-o", file)
    assert "Wrote 20 items to" in result.output
    assert "with labels, versions and judge scores" in result.output
    Store.open(str(place.parents[1] / "other.db")).close()
    brought = run("review", "import", file, "--store", "other.db")
    assert brought.output == "Brought in 3 labels and 20 items in 1 new batch.\n"
    assert run("review", "import", file, "--store", "other.db").output == "Brought in 0 labels.\n"


def test_a_file_that_can_not_be_written_is_refused(run: Run, place: Path, batch: str) -> None:
    result = run("review", "export", batch, "-o", str(place.parent / "nosuch" / "x"))
    assert result.exit_code == 4
    assert "can't be written: No such file or directory. Name a file in a folder that is there." in result.output


def test_an_export_is_blind_unless_asked_otherwise(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3])
    blind = run("review", "export", batch).output
    assert len(blind.splitlines()) == 20
    assert "small" not in blind
    assert "ann" not in blind
    assert "small" in run("review", "export", batch, "--unblind").output


def test_a_table_that_was_filled_in_is_imported_for_a_reviewer(run: Run, place: Path, batch: str) -> None:
    run("review", "export", batch, "--format", "csv", "-o", "items.csv")
    with Path("items.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, value in zip(rows[:4], ("3", "3.0", " 3,0", "3."), strict=True):
        row["value"] = value
    with Path("items.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run("review", "import", "items.csv", "--reviewer", "kim").output == "Brought in 4 labels.\n"
    assert "kim: 4 labelled" in run("review", "status").output


def test_one_of_each_is_said_in_the_singular(run: Run, place: Path, batch: str) -> None:
    (first, *_) = run("review", "export", batch).output.splitlines()
    item = json.loads(first) | {"item": "new", "labels": [{"reviewer": "kim", "value": 3}]}
    Path("one.jsonl").write_text(json.dumps(item))
    assert run("review", "import", "one.jsonl").output == "Brought in 1 label and 1 item in 1 new batch.\n"
    assert ", from a file\n" in run("review", "list").output


def test_the_labeling_configuration_of_label_studio(run: Run, batch: str) -> None:
    assert '<Choice value="2" hint="half right"/>' in run("review", "export", batch, "--labeling-config").output


def test_close_and_reopen(run: Run, batch: str) -> None:
    assert run("review", "close", batch, "--reason", "enough").output == f"Batch {batch} is closed.\n"
    assert "closed: enough" in run("review", "status").output
    run("review", "reopen", batch)
    assert "closed" not in run("review", "list").output


def test_an_unknown_batch_is_told_with_those_there_are(run: Run, batch: str) -> None:
    result = run("review", "status", "zzz")
    assert result.exit_code == 4
    assert f"'zzz' is no batch of the review queue. Batches, the newest first: {batch} (" in result.output


def test_a_file_that_is_none_is_refused(run: Run, place: Path) -> None:
    Path("x.csv").write_bytes(b"\xff\xfe\xfa")
    Path("x.txt").write_text("")
    assert "can't be read" in run("review", "import", "x.csv").output
    result = run("review", "import", "x.txt")
    assert result.exit_code == 4
    assert "say it with --format" in result.output


def test_reviewers_are_added_listed_and_disabled(run: Run, place: Path) -> None:
    assert "There are no reviewers" in run("review", "reviewer", "list").output
    added = run("review", "reviewer", "add", "eve", "--role", "adjudicator").output
    token = added.splitlines()[-1]
    with Store.open(str(place)) as store:
        signed_in = Queue(store).sign_in(token)
        assert signed_in is not None
        assert (signed_in.name, signed_in.role) == ("eve", "adjudicator")
    assert run("review", "reviewer", "list").output == "eve  adjudicator\n"
    assert token not in run("review", "reviewer", "list", "--json").output
    run("review", "reviewer", "disable", "eve")
    assert "disabled" in run("review", "reviewer", "list").output
    assert run("review", "reviewer", "token", "eve").output.splitlines()[-1] != token
    assert "Did you mean 'eve'?" in run("review", "reviewer", "disable", "evee").output
