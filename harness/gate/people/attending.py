"""Looking after the gate's batches while labels come in, beside the server that takes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import ReviewError, SteelyardError, StoreError, UsageError
from harness.gate.people.batches import Attendant, GateBatch, LabelEvidence
from harness.gate.people.verdicts import held_back
from harness.review.queue import Outlook
from harness.store import Store

_log = logging.getLogger(__name__)

EVERY_S = 0.5
"""Seconds from one look for labels to the next: those that came meanwhile are one piece of work."""


@contextmanager
def attended(store: Store, every_s: float = EVERY_S) -> Iterator[Mapping[str, Outlook]]:
    """While this is entered, a thread draws further items as labels come in, and closes what is decided.

    Labels of other processes count, too, and those that came in before. Gives what lies ahead of each batch that a gate
    decides, by their ids, kept up with the labels.
    """
    stopped, outlooks = threading.Event(), dict[str, Outlook]()
    thread = threading.Thread(target=_watch, args=(store, stopped, every_s, outlooks), name="attendant", daemon=True)
    thread.start()
    try:
        yield outlooks
    finally:
        stopped.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class Prospects:
    """The outlook of batches that a gate decides, by their ids.

    Attributes:
        needed: about how many more labels decide it, where anything tells.
        problems: why it can't be decided.
        held_back: labels that are in and do not count yet, with what they wait for, of one that is not closed.
    """

    needed: dict[str, int]
    problems: dict[str, str]
    held_back: dict[str, str]


def prospects(store: Store, batch_ids: Iterable[str], *, settles: bool = False) -> Prospects:
    """Tell what lies ahead of each of these batches; nothing of those that no gate decides.

    Args:
        settles: whether further items are drawn, and what is decided is closed.
    """
    attendant, ahead = Attendant(store), Prospects({}, {}, {})
    how = GateBatch.settle if settles else GateBatch.outlook
    for batch_id in batch_ids:
        try:
            evidence = attendant.attend(batch_id, how)
            if evidence is not None and evidence.labels_needed is not None:
                ahead.needed[batch_id] = evidence.labels_needed
        except UsageError as error:
            ahead.problems[batch_id] = str(error)
        batch = store.review.batch(batch_id)
        if "key" in batch.source and batch.closed is None and (waiting := held_back(store, batch)) is not None:
            ahead.held_back[batch_id] = waiting
    return ahead


def _outlook(store: Store, batch_id: str, evidence: LabelEvidence, before: Outlook | None) -> Outlook:
    """The outlook now; what it takes in all stays as it was first foretold."""
    enough = None if before is None else before.enough
    if enough is None and evidence.labels_needed is not None:
        enough = evidence.ledger.n_items - evidence.ledger.n_open + evidence.labels_needed
    problem = store.review.batch(batch_id).source.get("problem", "")
    return Outlook(evidence.labels_needed, evidence.most_items, enough, problem)


def _watch(store: Store, stopped: threading.Event, every_s: float, outlooks: dict[str, Outlook]) -> None:
    """Look for labels until stopped, whatever happens meanwhile: each trouble is logged once."""
    attendant, logged = Attendant(store), set[str]()
    seen, waiting = -1, set[str]()
    while True:
        try:
            newest = store.review.last_event()
            all_of_them = [batch.id for batch in store.review.batches()] if seen < 0 else []
            waiting.update(all_of_them or (store.review.touched(seen) if newest > seen else []))
            seen = newest
        except StoreError:  # busy, or away for a while: the next look finds the same
            pass
        except Exception as error:  # noqa: BLE001 - without this thread labels would decide nothing any more
            _log_once(logged, "Labels can't be looked for", error)
        for batch_id in sorted(waiting):
            if stopped.is_set():
                break
            try:
                evidence = attendant.attend(batch_id)
                if evidence is not None:
                    outlooks[batch_id] = _outlook(store, batch_id, evidence, outlooks.get(batch_id))
            except StoreError:  # too busy for it: it waits
                continue
            except Exception as error:  # noqa: BLE001 - a batch that can't be decided must not end the work on others
                if isinstance(error, ReviewError) or not isinstance(error, SteelyardError):  # else its answers are gone
                    _log_once(logged, f"Batch {batch_id} can't be decided, its labels stay", error)
            waiting.discard(batch_id)
        if stopped.wait(every_s):
            return


def _log_once(logged: set[str], what: str, error: Exception) -> None:
    message = f"{what}: {type(error).__name__}: {error}"
    if message not in logged:
        logged.add(message)
        _log.error(message)
