"""`Store`: everything that is kept between runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType

from sqlalchemy import select

from harness.store import merging
from harness.store.database import Database
from harness.store.leases import DrawLeaseTable
from harness.store.ledger import LookStore
from harness.store.maintenance import Upkeep
from harness.store.review.store import ReviewStore
from harness.store.runs import RunTables
from harness.store.samples import StoreTables
from harness.store.schema import builds
from harness.store.summaries import BuildRecipe, MergeSummary


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
        return cls(Database.open(url, readonly=readonly))

    @property
    def url(self) -> str:
        """The address of the store, without a password."""
        return self._database.url

    def draw_leases(self) -> DrawLeaseTable:
        """What a new holder leases draws by."""
        return DrawLeaseTable(self._database)

    def merge(self, other: Store) -> MergeSummary:
        """Bring in all that another store holds; what is here stays. Merging again brings in what is new since.

        Where both stores drew the same sample, that of here stays; the scores that rest on the other come without an
        answer. Review items, labels and builds come too.
        """
        return merging.merge(self, other)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
