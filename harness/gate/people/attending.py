"""Looking after the gate's batches while labels come in, beside the server that takes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import ReviewError, SteelyardError, StoreError, UsageError
from harness.gate.people.batches import Attendant
from harness.gate.people.results import held_back
from harness.store import Store

_log = logging.getLogger(__name__)

EVERY_S = 0.5
"""Seconds from one look for labels to the next: those that came meanwhile are one piece of work."""


@contextmanager
def attended(store: Store, every_s: float = EVERY_S) -> Iterator[Mapping[str, int]]:
    """While this is entered, a thread draws further items as labels come in, and closes what is decided.

    Labels of other processes count, too, and those that came in before. Gives what `labels_needed` does, kept up with
    the labels.
    """
    stopped, needed = threading.Event(), dict[str, int]()
    thread = threading.Thread(target=_watch, args=(store, stopped, every_s, needed), name="attendant", daemon=True)
    thread.start()
    try:
        yield needed
    finally:
        stopped.set()
        thread.join()


def attend_all(store: Store, batch_ids: Iterable[str]) -> dict[str, str]:
    """Draw further items of batches, or close what is decided; gives what is wrong with those that stay as they are."""
    attendant = Attendant(store)
    problems: dict[str, str] = {}
    for batch_id in batch_ids:
        try:
            attendant.attend(batch_id)
        except UsageError as error:
            problems[batch_id] = str(error)
    return problems


@dataclass(frozen=True, slots=True)
class Prospects:
    """The outlook of batches that a gate decides, by their ids.

    Attributes:
        needed: about how many more labels decide it, where anything tells.
        problems: why it can't be decided.
        held_back: labels that are in and do not count yet, with what they wait for, of one that is not closed.
    """

    needed: Mapping[str, int]
    problems: Mapping[str, str]
    held_back: Mapping[str, str]


def prospects(store: Store, batch_ids: Iterable[str]) -> Prospects:
    """Tell what lies ahead of each of these batches; nothing of those that no gate decides."""
    attendant = Attendant(store)
    needed: dict[str, int] = {}
    problems: dict[str, str] = {}
    behind: dict[str, str] = {}
    for batch_id in batch_ids:
        try:
            outlook = attendant.outlook(batch_id)
            if outlook is not None and outlook.labels_needed is not None:
                needed[batch_id] = outlook.labels_needed
        except UsageError as error:
            problems[batch_id] = str(error)
        batch = store.review.batch(batch_id)
        is_open = "key" in batch.source and batch.closed is None
        if is_open and (told := held_back(store, batch)) is not None:
            behind[batch_id] = told
    return Prospects(needed, problems, behind)


def _watch(store: Store, stopped: threading.Event, every_s: float, needed: dict[str, int]) -> None:
    """Look for labels until stopped, whatever happens meanwhile: each trouble is logged once."""
    attendant, told = Attendant(store), set[str]()
    seen, waiting = -1, set[str]()
    while True:
        try:
            if seen < 0:
                waiting.update(batch.id for batch in store.review.batches())
            newest = store.review.last_event()
            if newest > seen:
                waiting.update(store.review.touched(max(seen, 0)))
                seen = newest
        except StoreError:  # busy, or away for a while: the next look finds the same
            pass
        except Exception as error:  # noqa: BLE001 - without this thread labels would decide nothing any more
            _log_once(told, f"Labels can't be looked for: {type(error).__name__}: {error}")
        waiting = {
            each for each in sorted(waiting) if not stopped.is_set() and not _attend(attendant, each, told, needed)
        }
        if stopped.wait(every_s):
            return


def _attend(attendant: Attendant, batch_id: str, told: set[str], needed: dict[str, int]) -> bool:
    """Attend to a batch; False where the store was too busy for it."""
    try:
        outlook = attendant.attend(batch_id)
        if outlook is None or outlook.labels_needed is None:
            needed.pop(batch_id, None)
        else:
            needed[batch_id] = outlook.labels_needed
    except StoreError:
        return False
    except ReviewError as error:
        _log_once(told, f"A batch can't be decided, and is served all the same: {error}")
    except SteelyardError:  # its answers are no longer stored: its labels stay, and no label waits for this
        pass
    except Exception as error:  # noqa: BLE001 - a batch that can't be decided must not end the work on all others
        _log_once(told, f"Batch {batch_id} can't be decided, its labels stay: {type(error).__name__}: {error}")
    return True


def _log_once(told: set[str], message: str) -> None:
    if message not in told:
        told.add(message)
        _log.error(message)
