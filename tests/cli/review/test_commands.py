"""`steelyard review`: how far it is."""

import json
import re
from pathlib import Path

import pytest

from harness.review import Queue
from harness.store import Store
from tests.cli.conftest import Run
from tests.cli.review.places import label

pytestmark = pytest.mark.service


def test_serve_names_the_command_that_gives_tokens(run: Run) -> None:
    assert "`steelyard review reviewer add`" in " ".join(run("review", "serve", "--help").output.split())
    assert run("review", "reviewer", "add", "--help").exit_code == 0


def test_status_tells_how_far_it_is_and_where_it_comes_from(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3, 2, 1])
    label(place, "bob", [3, 1])
    status = run("review", "status", batch[:5]).output
    assert re.search(r"^  \d{4}-\d\d-\d\d \d\d:\d\d, run 20261124-161500-0a1b2c, small$", status, re.MULTILINE)
    assert "20 items: 1 done, 18 open, 1 disputed, 0 flagged" in status
    assert re.search(r"^  5 labels in, 35 still wanted(, about .* for one reviewer)?$", status, re.MULTILINE)
    assert "ann: 3 labelled, 0 skipped, 0 flagged" in status
    (entry,) = json.loads(run("review", "status", "--json").output)
    assert (entry["left"], entry["n_done"]) == (35, 1)
    assert (entry["run"], entry["candidate"], entry["created"] > 0) == ("20261124-161500-0a1b2c", "small", True)
    assert max(map(len, status.splitlines())) <= 100


def test_status_names_who_holds_items(run: Run, place: Path, batch: str) -> None:
    with Store.open(str(place)) as store:
        queue = Queue(store)
        for name in ("ann", "bob"):
            queue.add_reviewer(name)
            view = queue.next(name)
        assert view is not None
        queue.next("bob", holding=[view.lease_id])
    assert "; 3 items with reviewers now (ann 1, bob 2)\n" in run("review", "status").output
    (entry,) = json.loads(run("review", "status", "--json").output)
    assert (entry["held"], entry["holders"]) == (3, {"ann": 1, "bob": 2})
    run("review", "reviewer", "disable", "bob")
    assert "; 1 item with reviewers now (ann 1)\n" in run("review", "status").output


@pytest.mark.parametrize(
    "command",
    [
        "review status",
        "review export b",
        "review close b",
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


def test_an_empty_queue_says_how_to_fill_it(run: Run, place: Path) -> None:
    assert "A gate fills it where a marker has `review=`" in run("review", "status").output


def test_what_to_do_next_names_the_store_that_was_named(run: Run, place: Path, batch: str) -> None:
    place.rename("moved.db")
    status = run("review", "status", "--store", "moved.db").output
    assert status.endswith("next    steelyard review serve --store moved.db\n")


def test_agreement_of_people_and_of_the_judge(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3, 2, 1, 1, 3, 3])
    label(place, "bob", [3, 2, 1, 2, 3, 3])
    shown = run("review", "status", batch).output
    assert "6 of 20 items have two labels or more, 1 of them differing" in shown
    assert "Krippendorff's alpha 0." in shown
    assert "judge against people: " in shown
    assert max(map(len, shown.splitlines())) <= 80
    told = json.loads(run("review", "status", "--json").output)[0]["agreement"]
    assert (told["n_overlapping"], told["judge"]["n_items"]) == (6, 5)


def test_a_batch_is_closed_and_opened_again(run: Run, batch: str) -> None:
    assert run("review", "close", batch).output == f"Batch {batch} is closed.\n"
    assert "closed: closed by hand" in run("review", "status").output
    assert run("review", "close", batch, "--undo").output == f"Batch {batch} is open again.\n"
    assert "closed" not in run("review", "status").output


def test_of_a_decided_batch_no_label_is_wanted_and_the_command_for_its_report_is_told(
    run: Run, place: Path, batch: str
) -> None:
    label(place, "ann", [3, 2])
    with Store.open(str(place)) as store:
        store.review.set_closed(batch, 1.0, "decided: passed")
    told = run("review", "status").output
    assert "wanted" not in told
    assert "  2 labels in\n  closed: decided: passed\n" in told
    assert "steelyard gate --resume 20261124-161500-0a1b2c" in told
    assert json.loads(run("review", "status", "--json").output)[0]["left"] == 0


def test_an_unknown_batch_is_told_with_those_there_are(run: Run, batch: str) -> None:
    result = run("review", "status", "zzz")
    assert result.exit_code == 4
    assert f"'zzz' is no batch of the review queue. Batches, the newest first: {batch} (" in result.output


def test_the_empty_id_is_that_of_no_batch(run: Run, batch: str) -> None:
    refused = run("review", "close", "")
    assert refused.exit_code == 4
    assert "'' is no batch of the review queue" in refused.output
