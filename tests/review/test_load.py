"""Fifty reviewers at once: no item is given twice and no label is lost, also when their processes are killed."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import select

from harness.records.review import Batch
from harness.review import Queue
from harness.store import Store
from harness.store.review.events import fold
from harness.store.schema import leases
from tests.review.conftest import SCALE, batch_of
from tests.review.labeller import label_all, label_by_threads
from tests.waiting import wait_until

pytestmark = pytest.mark.service


NAMES = [f"reviewer-{number}" for number in range(50)]


def fill(store: Store, n_items: int, wanted: int = 1) -> None:
    store.review.add_batch(Batch("b1", 0.0, "suites/test_s.py::test_s", SCALE), batch_of(n_items, wanted=wanted))
    queue = Queue(store)
    for name in NAMES:
        queue.add_reviewer(name)


def check(store: Store, n_items: int, wanted: int) -> None:
    """Each item has as many labels as were wanted, of different reviewers, and was never held by more at once."""
    events = store.review.events(batch_id="b1")
    assert Counter(event.kind for event in events) == {"label": n_items * wanted}
    assert len({(event.item_id, event.reviewer) for event in events}) == n_items * wanted
    by_item: dict[str, list[tuple[float, float]]] = {}
    with store._database.read() as connection:
        for row in connection.execute(select(leases)):
            until = row.expires if row.ended is None else min(row.ended, row.expires)
            by_item.setdefault(row.item_id, []).append((row.begun, until))
    assert len(by_item) == n_items
    for spans in by_item.values():
        starts, ends = sorted(begun for begun, _ in spans), sorted(until for _, until in spans)
        held = [sum(start <= at for start in starts) - sum(until <= at for until in ends) for at in starts]
        assert max(held) <= wanted
    for item_id, standing in store.review.items_and_standings("b1")[1].items():
        assert standing == fold([event for event in events if event.item_id == item_id], wanted)


@pytest.mark.nightly
@pytest.mark.parametrize("wanted", [1, 3])
def test_fifty_threads_label_each_item_as_often_as_wanted(store: Store, wanted: int) -> None:
    n_items = 200 // wanted
    fill(store, n_items, wanted)
    queue = Queue(store)
    with ThreadPoolExecutor(len(NAMES)) as pool:
        counts = list(pool.map(lambda name: label_all(queue, name), NAMES))
    assert sum(counts) == n_items * wanted
    check(store, n_items, wanted)


def test_a_lease_of_many_threads_at_once_is_of_different_items(store: Store) -> None:
    fill(store, 60)
    queue = Queue(store)
    with ThreadPoolExecutor(len(NAMES)) as pool:
        views = list(pool.map(queue.next, NAMES))
    assert len({view.item.id for view in views if view is not None}) == len(NAMES)


def test_one_press_sent_many_times_at_once_is_one_label(store: Store) -> None:
    fill(store, 1)
    queue = Queue(store)
    view = queue.next(NAMES[0])
    assert view is not None
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: queue.label(NAMES[0], view.lease_id, 3, key="press"), range(20)))
    assert sorted(each.repeated for each in done) == [False] + 19 * [True]
    assert len(store.review.events(batch_id="b1")) == 1


PROCESSES = multiprocessing.get_context("forkserver")
"""Starts a process in a hundredth of the time that its imports take."""
PROCESSES.set_forkserver_preload(["__main__", "tests.review.labeller"])


class Crew:
    """Processes of reviewers, of whom one after the other is killed and starts anew."""

    def __init__(self, url: str, folder: Path, teams: list[list[str]]) -> None:
        self.acknowledged = folder / "acknowledged"
        self.acknowledged.touch()
        self._url = url
        self._teams = teams
        self.processes = [self._start(team) for team in teams]

    def _start(self, team: list[str]) -> BaseProcess:
        process = PROCESSES.Process(target=label_by_threads, args=(self._url, str(self.acknowledged), team))
        process.start()
        return process

    def kill(self, number: int) -> None:
        """Kill one process as a power cut does, and start it again."""
        process = self.processes[number]
        if process.is_alive():
            process.kill()
            process.join()
            self.processes[number] = self._start(self._teams[number])

    def lines(self) -> list[str]:
        return self.acknowledged.read_text().splitlines()

    def join(self) -> None:
        for process in self.processes:
            process.join(300)
            assert process.exitcode == 0

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def test_a_killed_process_loses_no_label_and_holds_nothing_back(store: Store, url: str, tmp_path: Path) -> None:
    n_items, n_processes, n_kills = 500, 5, 5
    fill(store, n_items)
    crew = Crew(url, tmp_path, [NAMES[start::n_processes] for start in range(n_processes)])
    try:
        for number in range(n_kills):
            due = n_items * (number + 1) // (n_kills + 2)
            wait_until(lambda due=due: len(crew.lines()) >= due)
            crew.kill(number)
        crew.join()
    finally:
        crew.end()
    stored = {f"{event.number} {event.item_id}" for event in store.review.events(batch_id="b1")}
    assert set(crew.lines()) <= stored
    assert len(stored) == n_items
    check(store, n_items, wanted=1)
