"""Queues to be exported, and what is in them."""

from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from harness.review import Queue
from harness.review.exchange import ExchangeFormat, SharedItem, exported, format_of
from harness.review.exchange.sharing import GivenLabel
from harness.store import Store
from tests.review.conftest import SCALE

_keys = count()

VALUES = {"scale": (4, 2), "preference": ("left", "tie")}
FORMATS: dict[str, ExchangeFormat] = {name: format_of(Path(f"x.{name}")) for name in ("csv", "jsonl")}


def label_some(queue: Queue, kind: str) -> None:
    """Two reviewers label the first two items, of which the second is adjudicated; the third has no label."""
    first, second = VALUES[kind]
    for reviewer, values in (("ann", (first, first)), ("bob", (first, second))):
        for value in values:
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"k{next(_keys)}", note=f"@{reviewer}")
    view = queue.next("eve", task="adjudicate")
    if view is not None:
        queue.adjudicate("eve", view.lease_id, second, key=f"k{next(_keys)}")


def share(store: Store, *, unblind: bool) -> list[SharedItem]:
    (batch,) = store.review.batches()
    return exported(store.review, batch, unblind=unblind)


def label_of(value: Any) -> Any:
    return GivenLabel(value, "ann")


ITEM = {
    "item": "i1",
    "evaluation": "suites/test.py::test",
    "case": "c",
    "form": asdict(SCALE),
    "messages": [],
    "answers": ["answer"],
}

LABEL = {"reviewer": "ann", "value": 3}
