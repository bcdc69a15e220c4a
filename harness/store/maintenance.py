"""Counts what a store holds, and removes the part that nobody needs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, delete, exists, func, select, text
from sqlalchemy.sql.expression import TableClause

from harness.errors import StoreError
from harness.store import ledger
from harness.store.database import Database, schema_version
from harness.store.schema.tables import (
    failures,
    generations,
    metadata,
    requests,
    runs,
    samples,
    score_sets,
    scores,
)
from harness.store.summaries import PruneSummary, StoreInfo, VersionInfo


class Upkeep:
    """What a store holds, and pruning it."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    def prune(
        self,
        *,
        older_than_s: float | None = None,
        fingerprints: Collection[str] | None = None,
        dry_run: bool = False,
    ) -> PruneSummary:
        """Remove the samples that meet every condition given, and the requests that are left without any.

        Args:
            older_than_s: stored longer ago than this. Without another condition, runs that began longer ago go too,
                with their scores and reports.
            fingerprints: of these versions.
            dry_run: change nothing; what is returned is what would go.

        Raises:
            StoreError: no condition is given.
        """
        if older_than_s is None and fingerprints is None:
            raise StoreError("Nothing says what to prune: give an age or a version.")
        before = None if older_than_s is None else time.time() - older_than_s
        of_version = [] if fingerprints is None else [requests.c.fingerprint.in_(list(fingerprints))]
        with self._database.write() as connection:
            for table in (generations, requests, samples):
                self._database.lock(connection, table)
            size = self._size_bytes(connection)
            doomed = [] if before is None else [samples.c.created < before]
            if of_version:
                doomed.append(samples.c.key.in_(select(requests.c.key).where(*of_version)))
            lose = select(requests.c.fingerprint).join_from(requests, samples, requests.c.key == samples.c.key)
            losing = list(connection.scalars(lose.where(*doomed).distinct()))
            n_samples = connection.execute(delete(samples).where(*doomed)).rowcount
            failed = [] if before is None else [failures.c.created < before]
            failed += [] if fingerprints is None else [failures.c.fingerprint.in_(list(fingerprints))]
            connection.execute(delete(failures).where(*failed))
            answered = exists().where(samples.c.key == requests.c.key)
            n_requests = connection.execute(delete(requests).where(~answered, *of_version)).rowcount
            n_runs, n_scores = (0, 0) if before is None or of_version else _delete_runs(connection, before)
            n_looks = ledger.note_pruned(connection, losing)
            if dry_run:
                connection.rollback()
        pruned = PruneSummary(n_samples, n_requests, n_runs, n_scores, looks=n_looks)
        if dry_run:
            return pruned
        self._vacuum()
        with self._database.read() as connection:
            return replace(pruned, freed_bytes=max(0, size - self._size_bytes(connection)))

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


def _count(connection: Connection, table: TableClause) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _versions(connection: Connection) -> tuple[VersionInfo, ...]:
    created = samples.c.created
    by_key = select(
        samples.c.key, func.count().label("n"), func.min(created).label("oldest"), func.max(created).label("newest")
    )
    each = by_key.group_by(samples.c.key).subquery()
    figures = func.count(), func.sum(each.c.n), func.min(each.c.oldest), func.max(each.c.newest)
    query = select(requests.c.fingerprint, *figures).join_from(requests, each, requests.c.key == each.c.key)
    begun = select(generations.c.fingerprint, func.count()).group_by(generations.c.fingerprint)
    n_generations: dict[str, int] = {row[0]: row[1] for row in connection.execute(begun)}
    names = _names(connection)
    return tuple(
        VersionInfo(
            fingerprint=fingerprint,
            names=tuple(sorted(names.get(fingerprint, ()))),
            generations=n_generations.get(fingerprint, 0),
            requests=n_requests,
            samples=int(n_samples),
            oldest=oldest,
            newest=newest,
        )
        for fingerprint, n_requests, n_samples, oldest, newest in sorted(
            map(tuple, connection.execute(query.group_by(requests.c.fingerprint)))
        )
    )


def _names(connection: Connection) -> dict[str, set[str]]:
    """Give the names by which runs called the versions that they weighed, by fingerprint."""
    names: dict[str, set[str]] = {}
    for spec in connection.scalars(select(runs.c.spec)):
        run = json.loads(spec)
        for version in (run.get("candidate"), run.get("baseline"), *run.get("judges", ())):
            is_version = isinstance(version, dict) and "name" in version and "fingerprint" in version
            if is_version and "recorded" not in version:
                names.setdefault(version["fingerprint"], set()).add(version["name"])
    return names


def _delete_runs(connection: Connection, before: float) -> tuple[int, int]:
    old = select(runs.c.run_id).where(runs.c.begun < before)
    sets = select(score_sets.c.id).where(score_sets.c.run_id.in_(old))
    n_scores = connection.execute(delete(scores).where(scores.c.set_id.in_(sets))).rowcount
    connection.execute(delete(score_sets).where(score_sets.c.run_id.in_(old)))
    return connection.execute(delete(runs).where(runs.c.begun < before)).rowcount, n_scores
