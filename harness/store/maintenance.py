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
    reports,
    requests,
    runs,
    samples,
    score_sets,
    scores,
)
from harness.store.summaries import PruneSummary, StoreInfo, VersionInfo


def info(database: Database) -> StoreInfo:
    """See `Store.info`."""
    with database.read() as connection:
        versions = _versions(connection)
        return StoreInfo(
            url=database.url,
            schema_version=schema_version(),
            size_bytes=_size_bytes(database, connection),
            requests=sum(version.requests for version in versions),
            samples=sum(version.samples for version in versions),
            runs=_count(connection, runs),
            scores=_count(connection, scores),
            oldest=min((version.oldest for version in versions if version.oldest is not None), default=None),
            newest=max((version.newest for version in versions if version.newest is not None), default=None),
            versions=versions,
        )


def _count(connection: Connection, table: TableClause) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _size_bytes(database: Database, connection: Connection) -> int:
    if database.is_sqlite:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    query = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
    return sum(int(connection.execute(query, {"name": name}).scalar_one()) for name in metadata.tables)


def _versions(connection: Connection) -> tuple[VersionInfo, ...]:
    by_key = (
        select(
            samples.c.key,
            func.count().label("n"),
            func.min(samples.c.created).label("oldest"),
            func.max(samples.c.created).label("newest"),
        )
        .group_by(samples.c.key)
        .subquery()
    )
    query = (
        select(
            requests.c.fingerprint,
            func.count(),
            func.sum(by_key.c.n),
            func.min(by_key.c.oldest),
            func.max(by_key.c.newest),
        )
        .join_from(requests, by_key, requests.c.key == by_key.c.key)
        .group_by(requests.c.fingerprint)
    )
    stored = {fingerprint: figures for fingerprint, *figures in connection.execute(query)}
    begun = select(generations.c.fingerprint, func.count()).group_by(generations.c.fingerprint)
    n_generations: dict[str, int] = {row[0]: row[1] for row in connection.execute(begun)}
    names = _names(connection)
    versions = []
    for fingerprint, (n_requests, n_samples, oldest, newest) in sorted(stored.items()):
        versions.append(
            VersionInfo(
                fingerprint=fingerprint,
                names=tuple(sorted(names.get(fingerprint, ()))),
                generations=n_generations.get(fingerprint, 0),
                requests=n_requests,
                samples=int(n_samples),
                oldest=oldest,
                newest=newest,
            )
        )
    return tuple(versions)


def _names(connection: Connection) -> dict[str, set[str]]:
    """Give the names by which runs called the versions that they weighed, by fingerprint."""
    names: dict[str, set[str]] = {}
    for spec in connection.execute(select(runs.c.spec)).scalars():
        run = json.loads(spec)
        for version in (run.get("candidate"), run.get("baseline"), *run.get("judges", ())):
            is_version = isinstance(version, dict) and "name" in version and "fingerprint" in version
            if is_version and "recorded" not in version:
                names.setdefault(version["fingerprint"], set()).add(version["name"])
    return names


def prune(
    database: Database, *, older_than_s: float | None, fingerprints: Collection[str] | None, dry_run: bool
) -> PruneSummary:
    """See `Store.prune`."""
    if older_than_s is None and fingerprints is None:
        raise StoreError("Nothing says what to prune: give an age or a version.")
    before = None if older_than_s is None else time.time() - older_than_s
    of_version = [] if fingerprints is None else [requests.c.fingerprint.in_(list(fingerprints))]
    with database.write() as connection:
        for table in (generations, requests, samples):
            database.lock(connection, table)
        size = _size_bytes(database, connection)
        doomed = [] if before is None else [samples.c.created < before]
        if of_version:
            doomed.append(samples.c.key.in_(select(requests.c.key).where(*of_version)))
        lose = select(requests.c.fingerprint).join_from(requests, samples, requests.c.key == samples.c.key)
        losing = list(connection.execute(lose.where(*doomed).distinct()).scalars())
        n_samples = connection.execute(delete(samples).where(*doomed)).rowcount
        _forget_failures(connection, fingerprints, before)
        answered = exists().where(samples.c.key == requests.c.key)
        n_requests = connection.execute(delete(requests).where(~answered, *of_version)).rowcount
        n_runs, n_scores = (0, 0) if before is None or of_version else _delete_runs(connection, before)
        n_looks = ledger.note_pruned(connection, losing)
        if dry_run:
            connection.rollback()
    pruned = PruneSummary(n_samples, n_requests, n_runs, n_scores, looks=n_looks)
    if dry_run:
        return pruned
    _vacuum(database)
    with database.read() as connection:
        freed = max(0, size - _size_bytes(database, connection))
    return replace(pruned, freed_bytes=freed)


def _forget_failures(connection: Connection, fingerprints: Collection[str] | None, before: float | None) -> None:
    """Remove what is noted of draws that failed, with the samples of their age and version."""
    doomed = [] if before is None else [failures.c.created < before]
    of_version = [] if fingerprints is None else [failures.c.fingerprint.in_(list(fingerprints))]
    connection.execute(delete(failures).where(*doomed, *of_version))


def _delete_runs(connection: Connection, before: float) -> tuple[int, int]:
    old = select(runs.c.run_id).where(runs.c.begun < before)
    sets = select(score_sets.c.id).where(score_sets.c.run_id.in_(old))
    n_scores = connection.execute(delete(scores).where(scores.c.set_id.in_(sets))).rowcount
    connection.execute(delete(score_sets).where(score_sets.c.run_id.in_(old)))
    connection.execute(delete(reports).where(reports.c.run_id.in_(old)))
    return connection.execute(delete(runs).where(runs.c.begun < before)).rowcount, n_scores


def _vacuum(database: Database) -> None:
    """Give freed pages back to the file system. Postgres does it by itself; SQLite reuses them if it can't now."""
    if not database.is_sqlite:
        return
    connection = database.engine.raw_connection()
    try:
        with contextlib.suppress(sqlite3.OperationalError):
            connection.cursor().execute("VACUUM")
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
