"""A queue on either database, with a clock that stands still, and items to put into it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from harness.records.review import PREFERENCES, Answer, Batch, Form, Item, LabelChoice
from harness.review import Queue
from harness.store import Store
from tests.store.conftest import open_store, place_on, store, url  # noqa: F401 - fixtures
from tests.store.postgres import NewUrl

SCALE = Form(
    "scale",
    "Faithful summary",
    criteria="Says what the text says.",
    guidelines="Read the text first.",
    choices=tuple(LabelChoice(score, f"point {score}", (score - 1) / 4) for score in range(1, 6)),
    rubric="d1",
)
PAIR = Form("preference", "Better answer", choices=PREFERENCES)
FORMS = {form.kind: form for form in (SCALE, PAIR)}
NOW = 1_800_000_000.0

AddBatch = Callable[..., list[Item]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.nightly)])
def new_url(request: pytest.FixtureRequest) -> NewUrl:
    """As for stores, whose own tests hold what a queue needs of PostgreSQL."""
    return place_on(request)


class Clock:
    """Gives a time that only the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def batch_of(
    n_items: int, form: Form = SCALE, *, batch_id: str = "b1", wanted: int = 1, case_id: str = "", **fields: Any
) -> list[Item]:
    """Items of one batch: the answers to questions 0, 1, …, the candidate's first."""
    sides = ("candidate", "baseline") if form.is_pair else ("candidate",)
    return [
        Item(
            id=f"{batch_id}-{number:05d}",
            batch_id=batch_id,
            case_id=case_id or f"case-{number}",
            messages=({"role": "user", "content": f"Question {number}?"},),
            answers=tuple(
                Answer(f"{side}'s answer {number}", f"secret-{side}", f"fingerprint-{side}", b"k" * 16, number)
                for side in sides
            ),
            reference=f"reference {number}",
            wanted=wanted,
            position=number,
            **{"probability": 0.123, "judge_score": 0.77, **fields},
        )
        for number in range(n_items)
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def add_batch(store: Store) -> AddBatch:  # noqa: F811
    """`add_batch(3, form=SCALE, batch_id="b1", wanted=1)`: adds items and gives them."""
    created = count(int(NOW))

    def add(n_items: int, form: Form = SCALE, *, batch_id: str = "b1", **fields: Any) -> list[Item]:
        items = batch_of(n_items, form, batch_id=batch_id, **fields)
        batch = Batch(batch_id, float(next(created)), "suites/test_s.py::test_s", form, run_id="secret-run")
        store.review.add_batch(batch, items)
        return items

    return add


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:  # noqa: F811
    """A queue with the annotators ann and bob, the adjudicator eve and the admin zoe; leases run 600 s."""
    queue = Queue(store, clock=clock)
    for name in ("ann", "bob"):
        queue.add_reviewer(name)
    queue.add_reviewer("eve", "adjudicator")
    queue.add_reviewer("zoe", "admin")
    return queue
