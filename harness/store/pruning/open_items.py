"""Finds the items of the review queue that rest on samples and runs that a prune removes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from harness.store.samples import chunks
from harness.store.schema.review_tables import batches, items, standings
from harness.store.schema.tables import runs, samples


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """An item of an open batch that has no label that counts, with the run and the samples that it was drawn from."""

    run_id: str | None
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ItemSources:
    """The runs and samples of these items that are stored."""

    runs: frozenset[str]
    samples: dict[bytes, int]

    def of(self, item: WaitingItem) -> tuple[bool, tuple[int, ...]]:
        """Tell whether an item's run is there, and count the samples under each of its keys."""
        return item.run_id in self.runs, tuple(self.samples.get(key, 0) for key in item.keys)


def waiting(connection: Connection) -> list[WaitingItem]:
    """The items that people are still asked about, or that wait to be adjudicated."""
    query = (
        select(batches.c.run_id, items.c.origin)
        .join(items, items.c.batch_id == batches.c.id)
        .join(standings, standings.c.item_id == items.c.id)
        .where(batches.c.closed.is_(None), standings.c.state != "done")
    )
    return [WaitingItem(run_id, tuple(_keys(origin))) for run_id, origin in connection.execute(query)]


def stored(connection: Connection, found: Sequence[WaitingItem]) -> ItemSources:
    """Find the runs and samples of these items that are stored at present."""
    run_ids = sorted({item.run_id for item in found if item.run_id is not None})
    there: set[str] = set()
    for part in chunks(run_ids):
        there.update(connection.execute(select(runs.c.run_id).where(runs.c.run_id.in_(part))).scalars())
    counts: dict[bytes, int] = {}
    for part_of_keys in chunks(sorted({key for item in found for key in item.keys})):
        query = select(samples.c.key, func.count()).where(samples.c.key.in_(part_of_keys)).group_by(samples.c.key)
        for key, number in connection.execute(query):
            counts[key] = number
    return ItemSources(frozenset(there), counts)


def lost(found: Iterable[WaitingItem], before: ItemSources, after: ItemSources) -> int:
    """Count the items that lost their run or a sample."""
    return sum(before.of(item) != after.of(item) for item in found)


def _keys(origin: str) -> Iterator[bytes]:
    for answer in json.loads(origin)["answers"]:
        if answer["sample_key"] is not None:
            yield bytes.fromhex(answer["sample_key"])
