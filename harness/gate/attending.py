"""Looking after the gate's batches while labels come in, beside the server that takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from harness.errors import SteelyardError, StoreError, UsageError
from harness.gate.reviewing import Attendant
from harness.store import Store

EVERY_S = 0.5
"""How often labels are looked for: those that came meanwhile are one piece of work."""


@contextmanager
def attended(store: Store, every_s: float = EVERY_S) -> Iterator[None]:
    """While this is entered, a thread draws further items as labels come in, and closes what is decided.

    Labels of other processes count, too, and those that came in before.
    """
    stopped = threading.Event()
    thread = threading.Thread(target=_watch, args=(store, stopped, every_s), name="attendant", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def attend_all(store: Store, batch_ids: Iterable[str]) -> None:
    """Draw further items of batches, or close what is decided; those whose answers are no longer stored stay as is."""
    attendant = Attendant(store)
    for batch_id in batch_ids:
        with suppress(UsageError):
            attendant.attend(batch_id)


def labels_needed(store: Store, batch_ids: Iterable[str]) -> dict[str, int]:
    """About how many more labels decide each of these batches, where a gate decides it and anything tells."""
    attendant = Attendant(store)
    found: dict[str, int] = {}
    for batch_id in batch_ids:
        with suppress(UsageError):
            outlook = attendant.outlook(batch_id)
            if outlook is not None and outlook.labels_needed is not None:
                found[batch_id] = outlook.labels_needed
    return found


def _watch(store: Store, stopped: threading.Event, every_s: float) -> None:
    attendant = Attendant(store)
    seen, waiting = 0, {batch.id for batch in store.review.batches()}
    while True:
        try:
            newest = store.review.last_event()
            if newest > seen:
                waiting.update(store.review.touched(seen))
                seen = newest
        except StoreError:  # busy, or away for a while: the next look finds the same
            pass
        waiting = set(_left(attendant, sorted(waiting), stopped))
        if stopped.wait(every_s):
            return


def _left(attendant: Attendant, batch_ids: Iterable[str], stopped: threading.Event) -> Iterator[str]:
    """Attend to batches; gives those that the store was too busy for."""
    for batch_id in batch_ids:
        if stopped.is_set():
            return
        try:
            attendant.attend(batch_id)
        except StoreError:
            yield batch_id
        except SteelyardError:  # its answers are no longer stored: its labels stay, and no label waits for this
            continue
