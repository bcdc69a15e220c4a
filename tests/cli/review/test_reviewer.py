"""`steelyard review reviewer`: who may judge."""

import json
from pathlib import Path

import pytest

from harness.review import Queue
from harness.store import Store
from tests.cli.conftest import Run


def test_the_first_reviewer_makes_a_store_and_says_so(run: Run, place: Path) -> None:
    result = run("review", "reviewer", "add", "ann", "--store", "new/store.db")
    assert result.output.startswith("Made a new store: ")
    assert Path("new/store.db").exists()
    assert "Made" not in run("review", "reviewer", "add", "bob", "--store", "new/store.db").output


@pytest.mark.service
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


def test_who_came_from_another_store_is_said_to_have_no_token(run: Run, place: Path) -> None:
    run("review", "reviewer", "add", "ann")
    run("review", "reviewer", "add", "bob", "--store", "other/store.db")
    run("store", "merge", "other/store.db")
    told = "Who has no token can't sign in; `steelyard review reviewer token NAME` gives one.\n"
    assert run("review", "reviewer", "list").output == f"ann  annotator\nbob  annotator  no token\n{told}"
    entries = json.loads(run("review", "reviewer", "list", "--json").output)
    assert [entry["without_token"] for entry in entries] == [False, True]
    run("review", "reviewer", "token", "bob")
    assert run("review", "reviewer", "list").output == "ann  annotator\nbob  annotator\n"
