"""Reviewers who label as fast as they can."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Sequence

from harness.errors import LeaseExpiredError
from harness.review import Queue
from harness.store import Store

LEASE_S = 1.5


def label_all(queue: Queue, name: str, acknowledged: int | None = None) -> int:
    """Label until nothing is wanted any more; gives how many labels that took."""
    count = 0
    while True:
        view = queue.next(name)
        if view is not None:
            try:
                done = queue.label(name, view.lease_id, 3, key=str(uuid.uuid4()))
            except LeaseExpiredError:  # by a machine with too much to do: somebody else has the item now
                continue
            if acknowledged is not None:
                os.write(acknowledged, f"{done.event.number} {done.event.item_id}\n".encode())
            count += 1
        elif all(progress.left == 0 for progress in queue.progress()):
            return count
        else:  # others hold what is left, or held it when they were killed
            time.sleep(0.05)


def label_by_threads(url: str, path: str, names: Sequence[str]) -> None:
    """Have each reviewer label in a thread of this process, until nothing is wanted any more.

    Each label that the queue has acknowledged is a line of the file at `path`, written before the next item is taken.
    """
    acknowledged = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Store.open(url) as store:
        queue = Queue(store, lease_s=LEASE_S)
        threads = [threading.Thread(target=label_all, args=(queue, name, acknowledged)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
