"""`Store`: everything that is kept between runs, and bringing in what another store keeps."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from sqlalchemy import select, update

from harness.store.database import Database
from harness.store.leases import DrawLeaseTable
from harness.store.ledger import LookStore
from harness.store.maintenance import Upkeep
from harness.store.review.store import ReviewStore
from harness.store.runs import LOOKED_AT, RunTables
from harness.store.samples import StoreTables, chunks
from harness.store.schema import (
    batches,
    builds,
    dumps,
    events,
    failures,
    generations,
    items,
    looks,
    meta,
    requests,
    reviewers,
    runs,
    samples,
    score_sets,
    scores,
)
from harness.store.summaries import BuildRecipe, MergeSummary

_KEYS = 64
_SCORES = 5000


class BuildStore(StoreTables):
    """Contents that recipes gave, so that stored samples need no build. Rows are added and never pruned."""

    def contents(self) -> dict[BuildRecipe, str]:
        """The content that each recipe gave, where it gave several the one that was noted last: training is not the
        same on every machine.
        """
        rows = self._database.rows(select(builds).order_by(builds.c.created, builds.c.content))
        return {(row.kind, row.recipe): row.content for row in rows}

    def add(self, contents: Mapping[BuildRecipe, str]) -> None:
        """Note what recipes gave; what is noted already stays as it is."""
        known, now = self.contents(), time.time()
        rows = [
            {"kind": kind, "recipe": recipe, "content": content, "created": now}
            for (kind, recipe), content in contents.items()
            if known.get((kind, recipe)) != content
        ]
        if rows:
            self._database.add(builds, rows)


class Store(RunTables, Upkeep):
    """Samples, scores and runs in one database. What is added stays; `prune` alone removes some.

    Calls are synchronous and short. Several processes may have the same store open. What a call has written when it
    returns survives the death of the process.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/store.db") as store:
    ...     store.generations("0a1b"), store.generations("0a1b", fresh=True)
    ((0,), (1,))
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.review = ReviewStore(database)
        self.looks = LookStore(database)
        self.builds = BuildStore(database)

    @classmethod
    def open(cls, url: str, *, readonly: bool = False) -> Store:
        """Open a store; unless `readonly`, make what is missing of its folder and tables, and write to it once.

        Args:
            url: a path, `sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`.
            readonly: refuse every change, and make nothing.

        Raises:
            StoreError: it can't be opened or written, it is of another schema or something else than a store, or
                the driver for it is not installed.
        """
        store = cls(Database.open(url, readonly=readonly))
        store._address = url
        return store

    @property
    def url(self) -> str:
        """The address of the store, without a password."""
        return self._database.url

    def draw_leases(self) -> DrawLeaseTable:
        """Return what a new holder leases draws by."""
        return DrawLeaseTable(self._database)

    def merge(self, other: Store) -> MergeSummary:
        """Bring in all that another store holds; what is here stays. Merging again brings in what is new since.

        There it is one state, here many short transactions, so that gates go on meanwhile. A key says all that a sample
        depends on, so that samples of both stores lie side by side. Where both have drawn the same sample, that of here
        stays, and all of its key stay there: the scores of runs that rest on those come without an answer, as if it had
        been pruned. Runs come that have ended. Review items, labels and builds come too.
        """
        here, there = self._database, other._database
        counts: Counter[str] = Counter()
        with there.one_state():
            _merge_generations(here, there)
            left = _merge_samples(here, there, counts)
            here.add(meta, _plain(there.rows(select(meta).where(meta.c.name.startswith(LOOKED_AT)))))
            here.add(failures, _plain(there.rows(select(failures))))
            _merge_runs(self, other, left, counts)
            known = set(self.builds.contents())
            here.add(builds, _plain(row for row in there.rows(select(builds)) if (row.kind, row.recipe) not in known))
            for candidate in there.values(select(looks.c.candidate).distinct()):
                counts["overdrawn"] += self.looks.merge(other.looks.of_candidate(candidate))
            with self.review.turn():
                _merge_queue(self, other, counts)
        return MergeSummary(**counts)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _plain(rows: Iterable[Any], **changed: Any) -> list[dict[str, Any]]:
    return [{**row._mapping, **changed} for row in rows]


def _merge_samples(here: Database, there: Database, counts: Counter[str]) -> set[bytes]:
    """Gives the keys whose samples stay there."""
    left: set[bytes] = set()
    for keys in chunks(there.values(select(requests.c.key).order_by(requests.c.key)), _KEYS):
        drawn = select(samples).where(samples.c.key.in_(keys))
        theirs, asked = there.rows(drawn), there.rows(select(requests).where(requests.c.key.in_(keys)))
        with here.write() as connection:
            here.lock(connection, requests, samples)
            ours = {(row.key, row.sample_index): (row.text, row.created) for row in here.rows(drawn)}
            of_both = [row for row in theirs if (row.key, row.sample_index) in ours]
            twice = {row.key for row in of_both if ours[row.key, row.sample_index] != (row.text, row.created)}
            counts["requests"] += here.add(requests, _plain(row for row in asked if row.key not in twice))
            counts["samples"] += here.add(samples, _plain(row for row in theirs if row.key not in twice))
        left |= twice
        counts["left"] += sum(row.key in twice for row in theirs)
    return left


def _merge_generations(here: Database, there: Database) -> None:
    """Take over the generations. An age counts from the older beginning, so that no sample is younger than it is."""
    with here.write() as connection:
        here.lock(connection, generations)
        for row in there.rows(select(generations)):
            here.add(generations, [dict(row._mapping)])
            older = update(generations).filter_by(fingerprint=row.fingerprint, generation=row.generation)
            connection.execute(older.where(generations.c.begun > row.begun).values(begun=row.begun))


def _merge_runs(target: Store, source: Store, left: Collection[bytes], counts: Counter[str]) -> None:
    here, there = target._database, source._database
    ended = select(runs).where(runs.c.report.is_not(None)).order_by(runs.c.begun)
    known = {run.run_id for run in target.runs() if run.finished}
    for run in there.rows(ended):
        if run.run_id in known:
            continue
        counts["runs"] += here.add(runs, [{**run._mapping, "verdict": None, "exit_code": None, "report": None}])
        for of_set in there.rows(select(score_sets).filter_by(run_id=run.run_id).order_by(score_sets.c.id)):
            set_id = target.set_id({name: value for name, value in of_set._mapping.items() if name != "id"})
            query = select(scores).where(scores.c.set_id == of_set.id)
            for page in there.pages(query, _SCORES):
                rows = [{**row._mapping, "set_id": set_id} for row in page]
                for row in rows:
                    row["sample_key"] = None if row["sample_key"] in left else row["sample_key"]
                counts["scores"] += here.add(scores, rows)
        target.finish_run(run.run_id, json.loads(run.report))


def _merge_queue(target: Store, source: Store, counts: Counter[str]) -> None:
    """Bring in batches, items, reviewers, who have no token here, and events.

    Ids are random, so that the same id is the same thing; an event is known by its reviewer and key. Standings are
    worked out again, so that two reviewers' labels of one item come together as if given here. Items of a batch that
    both have come where it went on there from what is here: drawings don't mix. A batch that two gates drew apart is
    two batches: a gate here is decided by the labels of its own.
    """
    here, there, queue = target._database, source._database, target.review
    here.add(reviewers, _plain(there.rows(select(reviewers)), token_hash=None))
    known = {batch.id: batch.source.get("key") for batch in queue.batches()}
    for row in there.rows(select(batches).order_by(batches.c.created, batches.c.id)):
        in_order = select(items).where(items.c.batch_id == row.id).order_by(items.c.position)
        added, ours = there.rows(in_order), [item.id for item in here.rows(in_order)]
        if row.id not in known:
            here.add(batches, [{**row._mapping, **_apart(row, known.values())}])
        elif [item.id for item in added[: len(ours)]] == ours:
            added = added[len(ours) :]
        else:
            added = []
        here.add(items, _plain(added))
        is_here = {*ours, *(item.id for item in added)}
        numbers: dict[int, int] = {}
        for event in source.review.events(batch_id=row.id):
            if event.item_id not in is_here:
                counts["labels_left"] += event.kind == "label"
                continue
            same = queue.event_of(event.reviewer, events.c.key == event.key)
            if same is None:
                undoes = None if event.undoes is None else numbers[event.undoes]
                same, _ = queue.add_event(replace(event, undoes=undoes, lease_id=None))
                counts["labels"] += event.kind == "label"
            numbers[event.number] = same.number


def _apart(batch: Any, keys: Collection[str | None]) -> dict[str, Any]:
    """Return what becomes of a batch that a gate here drew for itself: it is decided by no gate."""
    source = json.loads(batch.source)
    if "key" not in source or source["key"] not in keys:
        return {}
    del source["key"]
    closed = {"closed": batch.created, "closed_reason": "the gate here drew items of its own"}
    return {"source": dumps(source), **closed}
