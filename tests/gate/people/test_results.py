"""A gate whose batch holds items that an adjudicator excluded: it goes on behind them, and tells them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from harness.gate.people.batches import fill_batch
from harness.gate.people.verdicts import held_back, with_labels
from harness.records import Role
from harness.records.review import Form, LabelChoice
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.population import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store
from harness.store.database import Database
from tests.reporting import example_reports as examples
from tests.review import runs

pytestmark = pytest.mark.service

FORM = Form(
    "scale",
    "Faithful",
    choices=(LabelChoice(1, "wrong", 0.0), LabelChoice(2, "half", 0.5), LabelChoice(3, "right", 1.0)),
    rubric="d1",
)


@pytest.mark.parametrize("roles", [("candidate",), ("candidate", "baseline")], ids=["rate", "difference"])
def test_labels_count_behind_excluded_items_which_are_told(store: Store, roles: tuple[Role, ...]) -> None:
    run = runs.add_run(store, n_cases=40)
    subject = subject_of(store, run, ReviewPlan(runs.EVALUATION, "score", FORM, roles), "all")
    questions = [LabelQuestion("rate", 0.4, 0.1), LabelQuestion("difference", 0.0, 0.1)][: len(roles)]
    batch = fill_batch(store, run, subject, questions, "all")
    queue = Queue(store)
    queue.add_reviewer("ann")
    queue.add_reviewer("eve", "adjudicator")
    batch.settle()
    excluded = 0
    for number in range(20):
        view = queue.next("ann")
        assert view is not None
        if number in (2, 7):
            queue.flag("ann", view.lease_id, key=f"f{number}")
            held = queue.next("eve", task="adjudicate")
            assert held is not None
            before = batch.outlook()
            assert held_back(store, batch.batch) is None
            assert before.ledger.n_counting == (number if len(roles) == 1 else number // 2)
            queue.exclude("eve", held.lease_id, "the passage is missing", key=f"x{number}")
            excluded += 1
        else:
            queue.label("ann", view.lease_id, 3, key=str(number))
    found = batch.settle()
    assert (excluded, int(found.ledger.excluded.sum())) == (2, 2)
    check = found.checks[0]
    assert check.n_excluded == 2
    assert check.n_labels == (18 if len(roles) == 1 else 10 - check.n_excluded)
    assert "2 excluded items count the worst way" in check.check.reason
    verdict = with_labels(batch, found, examples.verdict(threshold=0.4))
    assert verdict.review is not None
    assert (verdict.review.n_excluded, verdict.review.n_stuck) == (2, 0)
    assert verdict.candidate is not None
    assert verdict.candidate.low <= verdict.candidate.value <= verdict.candidate.high


class Together(Database):
    """A store to which nobody writes before all who share it are about to."""

    def __init__(self, store: Store, all_of_them: threading.Barrier) -> None:
        own = store._database
        super().__init__(own.engine, own.url, readonly=False)
        self._all = all_of_them
        self._is_first = True

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self._is_first:
            self._is_first = False
            self._all.wait(60)
        with super().write() as connection:
            yield connection


def test_gates_that_fill_the_queue_with_the_same_at_once_have_one_batch(store: Store) -> None:
    """Two jobs of one push: reviewers would else label the same answers twice, and each gate wait for its own half."""
    run = runs.add_run(store, n_cases=40)
    subject = subject_of(store, run, ReviewPlan(runs.EVALUATION, "score", FORM), "all")
    questions = [LabelQuestion("rate", 0.4, 0.1)]
    all_have_looked = threading.Barrier(3)

    def fill(_: int) -> str:
        with Store.open(store.url) as opened:
            own = Store(Together(opened, all_have_looked))
            batch = fill_batch(own, run, subject, questions, "all")
            batch.settle()
            return batch.batch.id

    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(fill, range(3)))
    assert [batch.id for batch in store.review.batches()] == [*found]
