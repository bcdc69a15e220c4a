"""Looking after the gate's batches while labels come in, beside the server that takes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.errors import ReviewError, SteelyardError, StoreError, UsageError
from harness.gate.people.batches import Attendant, GateBatch, LabelEvidence
from harness.gate.people.verdicts import held_back
from harness.records.review import Batch
from harness.review.queue import Outlook
from harness.store import Store

_log = logging.getLogger(__name__)

EVERY_S = 0.5
"""Seconds from one look for labels to the next: those that came meanwhile are one piece of work."""


@contextmanager
def attended(
    store: Store, every_s: float = EVERY_S, on_decided: Callable[[Batch], None] = lambda _: None
) -> Iterator[Mapping[str, Outlook]]:
    """While this is entered, a thread draws further items as labels come in, and closes what is decided.

    Labels of other processes count, too, and those that came in before. Gives what lies ahead of each batch that a gate
    decides, by their ids, kept up with the labels.

    Args:
        on_decided: called in the thread with each batch that labels close, or decide otherwise than before.
    """
    stopped, outlooks = threading.Event(), dict[str, Outlook]()
    watch = _Watch(store, stopped, every_s, outlooks, on_decided)
    thread = threading.Thread(target=watch.run, name="attendant", daemon=True)
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


@dataclass(frozen=True, slots=True)
class _Watch:
    """A look for labels every so often until stopped, whatever happens meanwhile: each trouble is logged once."""

    store: Store
    stopped: threading.Event
    every_s: float
    outlooks: dict[str, Outlook]
    on_decided: Callable[[Batch], None]
    logged: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Look until stopped."""
        attendant, review = Attendant(self.store), self.store.review
        seen, waiting = -1, set[str]()
        while True:
            try:
                newest = review.last_event()
                all_of_them = [batch.id for batch in review.batches()] if seen < 0 else []
                waiting.update(all_of_them or (review.touched(seen) if newest > seen else []))
                seen = newest
            except StoreError:  # busy, or away for a while: the next look finds the same
                pass
            except Exception as error:  # noqa: BLE001 - without this thread labels would decide nothing any more
                self._log_once("Labels can't be looked for", error)
            for batch_id in sorted(waiting):
                if self.stopped.is_set():
                    break
                try:
                    self._attend(attendant, batch_id)
                except StoreError:  # too busy for it: it waits
                    continue
                except Exception as error:  # noqa: BLE001 - one that can't be decided must not end the work on others
                    if isinstance(error, ReviewError) or not isinstance(error, SteelyardError):  # else it is gone
                        self._log_once(f"Batch {batch_id} can't be decided, its labels stay", error)
                waiting.discard(batch_id)
            if self.stopped.wait(self.every_s):
                return

    def _attend(self, attendant: Attendant, batch_id: str) -> None:
        before = self.store.review.batch(batch_id)
        evidence = attendant.attend(batch_id)
        if evidence is None:
            return
        self.outlooks[batch_id] = _outlook(self.store, batch_id, evidence, self.outlooks.get(batch_id))
        batch = self.store.review.batch(batch_id)
        if batch.closed is not None and (before.closed, before.closed_reason) != (batch.closed, batch.closed_reason):
            try:
                self.on_decided(batch)
            except Exception as error:  # noqa: BLE001 - the batch is closed, whoever is told of it
                self._log_once(f"Nobody was told that batch {batch_id} is closed", error)

    def _log_once(self, what: str, error: Exception) -> None:
        message = f"{what}: {type(error).__name__}: {error}"
        if message not in self.logged:
            self.logged.add(message)
            _log.error(message)
