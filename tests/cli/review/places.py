"""What the tests of the commands share."""

from pathlib import Path

import pytest

from harness.review import Queue
from harness.review.batches.population import rating_form
from harness.scoring.judging.rubric import read_rubric
from harness.store import Store
from tests.review import runs
from tests.review.runs import RUBRIC


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
def batch(place: Path) -> str:
    """The id of a batch of twenty answers, each wanting two labels."""
    with Store.open(str(place)) as store:
        return runs.add_batch(store, store.runs()[0], rating_form(read_rubric(RUBRIC, "")), wanted=2).id


def label(place: Path, reviewer: str, values: list[int]) -> None:
    with Store.open(str(place)) as store:
        queue = Queue(store)
        if reviewer not in {each.name for each in queue.reviewers()}:
            queue.add_reviewer(reviewer)
        for number, value in enumerate(values):
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"{number}")
