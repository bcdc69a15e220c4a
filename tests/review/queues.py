"""What the tests of the queue share."""

from itertools import count
from typing import Any

from harness.review import Queue, View

_keys = count()


def key() -> str:
    return f"key-{next(_keys)}"


def take(queue: Queue, reviewer: str, **wish: Any) -> View:
    view = queue.next(reviewer, **wish)
    assert view is not None
    return view


def label(queue: Queue, reviewer: str, value: Any, **wish: Any) -> View:
    """Take the next item and label it."""
    view = take(queue, reviewer, **wish)
    queue.label(reviewer, view.lease_id, value, key=key())
    return view
