"""Counts what a store holds, and removes the part that nobody needs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, select, text

from harness.errors import StoreError
from harness.store import ledger
from harness.store.samples import StoreTables
from harness.store.schema import (
    failures,
    generations,
    looks,
    metadata,
    requests,
    runs,
    samples,
    schema_version,
    score_sets,
    scores,
)
from harness.store.summaries import PruneSummary, StoreInfo, VersionInfo


class Upkeep(StoreTables):
    """What a store holds, and pruning it."""

    def unnamed(self) -> list[str]:
        """The fingerprints of versions that were drawn, and that no run weighed."""
        with self._database.read() as connection:
            names = _names(connection)
            begun = connection.scalars(select(generations.c.fingerprint).distinct().order_by(generations.c.fingerprint))
            return [each for each in begun if each not in names]

    def info(self) -> StoreInfo:
        """Count what the store holds."""
        with self._database.read() as connection:
            versions = _versions(connection)
            return StoreInfo(
                url=self._database.url,
                schema_version=schema_version(),
                size_bytes=self._size_bytes(connection),
                requests=sum(version.requests for version in versions),
                samples=sum(version.samples for version in versions),
                runs=_count(connection, runs),
                scores=_count(connection, scores),
                oldest=min((version.oldest for version in versions), default=None),
                newest=max((version.newest for version in versions), default=None),
                versions=versions,
            )

    def prunable(
        self, *, older_than_s: float | None = None, fingerprints: Collection[str] | None = None
    ) -> PruneSummary:
        """Count what `prune` would remove, as of now; nobody who writes waits for it.

        Args:
            older_than_s: stored longer ago than this. Without another condition, runs that began longer ago go too,
                with their scores and reports.
            fingerprints: of these versions.

        Raises:
            StoreError: no condition is given.
        """
        if older_than_s is None and fingerprints is None:
            raise StoreError("Nothing says what to prune: give an age or a version.")
        before = time.time() - max(0.0, older_than_s or 0.0)
        doomed, of_version = _conditions(before, fingerprints)
        old = runs.c.begun <= before
        of_old = scores.c.set_id.in_(
            select(score_sets.c.id).join(runs, runs.c.run_id == score_sets.c.run_id).where(old)
        )
        with self._database.read() as connection:
            stays = exists().where(samples.c.key == requests.c.key, ~and_(*doomed))
            n_samples = _count(connection, samples, *doomed)
            n_requests = _count(connection, requests, ~stays, *of_version)
            n_runs = n_scores = 0
            if fingerprints is None:
                n_runs, n_scores = _count(connection, runs, old), _count(connection, scores, of_old)
            n_looks = ledger.resting_on(connection, _losing(connection, doomed))
        return PruneSummary(n_samples, n_requests, n_runs, n_scores, looks=n_looks, before=before)

    def prune(
        self,
        *,
        older_than_s: float | None = None,
        fingerprints: Collection[str] | None = None,
        as_of: PruneSummary | None = None,
    ) -> PruneSummary:
        """Remove the samples that meet every condition given, and the requests that are left without any.

        Args:
            older_than_s, fingerprints: as `prunable` has them.
            as_of: what that found. What came, or came of age, since then stays.
        """
        before = (as_of or self.prunable(older_than_s=older_than_s, fingerprints=fingerprints)).before
        is_timed = as_of is not None or older_than_s is not None  # else a clock that is ahead would keep its samples
        doomed, of_version = _conditions(before if is_timed else None, fingerprints)
        with self._database.write() as connection:
            self._database.lock(connection, looks, generations, requests, samples)  # in the order of a gate
            size = self._size_bytes(connection)
            losing = _losing(connection, doomed)
            n_samples = connection.execute(delete(samples).where(*doomed)).rowcount
            failed = [failures.c.created <= before] if is_timed else []
            failed += [] if fingerprints is None else [failures.c.fingerprint.in_(list(fingerprints))]
            connection.execute(delete(failures).where(*failed))
            answered = exists().where(samples.c.key == requests.c.key)
            n_requests = connection.execute(delete(requests).where(~answered, *of_version)).rowcount
            n_runs, n_scores = _delete_runs(connection, before) if fingerprints is None else (0, 0)
            n_looks = ledger.note_pruned(connection, losing)
        self._vacuum()
        with self._database.read() as connection:
            freed = max(0, size - self._size_bytes(connection))
        return PruneSummary(n_samples, n_requests, n_runs, n_scores, freed, n_looks, before)

    def _size_bytes(self, connection: Connection) -> int:
        if self._database.is_sqlite:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        query = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
        return sum(int(connection.execute(query, {"name": name}).scalar_one()) for name in metadata.tables)

    def _vacuum(self) -> None:
        """Give freed pages back to the file system. Postgres does it by itself; SQLite reuses them if it can't now."""
        if not self._database.is_sqlite:
            return
        raw = self._database.engine.raw_connection()
        with contextlib.closing(raw), contextlib.suppress(sqlite3.OperationalError):
            raw.cursor().execute("VACUUM")
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _conditions(before: float | None, fingerprints: Collection[str] | None) -> tuple[list[Any], list[Any]]:
    """Of the samples that go, and of the requests that go once they have none."""
    doomed: list[Any] = [] if before is None else [samples.c.created <= before]
    if fingerprints is None:
        return doomed, []
    of_version = [requests.c.fingerprint.in_(list(fingerprints))]
    return [*doomed, samples.c.key.in_(select(requests.c.key).where(*of_version))], of_version


def _losing(connection: Connection, doomed: list[Any]) -> list[str]:
    """The versions that lose samples."""
    lose = select(requests.c.fingerprint).join_from(requests, samples, requests.c.key == samples.c.key)
    return list(connection.scalars(lose.where(*doomed).distinct()))


def _count(connection: Connection, table: Table, *conditions: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())


def _versions(connection: Connection) -> tuple[VersionInfo, ...]:
    created = samples.c.created
    of_key = func.count().label("n"), func.min(created).label("oldest"), func.max(created).label("newest")
    each = select(samples.c.key, *of_key).group_by(samples.c.key).subquery()
    figures = func.count(), func.sum(each.c.n), func.min(each.c.oldest), func.max(each.c.newest)
    query = select(requests.c.fingerprint, *figures).join_from(requests, each, requests.c.key == each.c.key)
    begun = select(generations.c.fingerprint, func.count()).group_by(generations.c.fingerprint)
    n_generations = dict(map(tuple, connection.execute(begun)))
    names = _names(connection)
    return tuple(
        VersionInfo(version, tuple(sorted(names[version])), n_generations.get(version, 0), n_requests, int(n), *times)
        for version, n_requests, n, *times in sorted(
            map(tuple, connection.execute(query.group_by(requests.c.fingerprint)))
        )
    )


def _names(connection: Connection) -> defaultdict[str, set[str]]:
    """Give the names by which runs called the versions that they weighed, by fingerprint."""
    names = defaultdict[str, set[str]](set)
    for spec in connection.scalars(select(runs.c.spec)):
        run = json.loads(spec)
        for version in (run.get("candidate"), run.get("baseline"), run.get("anchor"), *run.get("judges", ())):
            is_version = isinstance(version, dict) and "name" in version and "fingerprint" in version
            if is_version and "recorded" not in version:
                names[version["fingerprint"]].add(version["name"])
    return names


def _delete_runs(connection: Connection, before: float) -> tuple[int, int]:
    old = select(runs.c.run_id).where(runs.c.begun <= before)
    sets = select(score_sets.c.id).where(score_sets.c.run_id.in_(old))
    n_scores = connection.execute(delete(scores).where(scores.c.set_id.in_(sets))).rowcount
    connection.execute(delete(score_sets).where(score_sets.c.run_id.in_(old)))
    return connection.execute(delete(runs).where(runs.c.begun <= before)).rowcount, n_scores
