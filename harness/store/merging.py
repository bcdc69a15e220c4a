"""Bringing another store in: what is new is added, what is here stays, and merging again brings what is new since.

A key says all that a sample depends on, so that samples of both stores lie side by side. Where both have drawn the same
sample, that of here stays, and all of its key stay there: the scores of runs that rest on those come without an answer,
as if it had been pruned. Runs come that have ended; what a gate draws there meanwhile comes with the next merge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select, update

from harness.store.database import Database
from harness.store.runs import RunTables
from harness.store.schema.tables import failures, generations, requests, runs, samples
from harness.store.summaries import MergeSummary

_KEYS = 64
_SCORES = 5000


def merge(target: Database, source: Database) -> MergeSummary:
    """See `Store.merge`."""
    counts: Counter[str] = Counter()
    ended = _complete(source)  # beforehand: what their scores rest on is all there
    _merge_generations(target, source)
    left: set[bytes] = set()
    for asked in _requests(source):
        with source.read() as connection:
            theirs = _stored(connection, [row.key for row in asked])
        with target.write() as connection:
            for table in (requests, samples):
                target.lock(connection, table)
            ours = {(row.key, row.sample_index): row for row in _stored(connection, [row.key for row in asked])}
            twice = {row.key for row in theirs if _is_another(row, ours.get((row.key, row.sample_index)))}
            left |= twice
            counts["left"] += sum(row.key in twice for row in theirs)
            for name, table, rows in (("requests", requests, asked), ("samples", samples, theirs)):
                if new := [row._asdict() for row in rows if row.key not in twice]:
                    counts[name] += len(connection.execute(target.insert(table, table.c.key), new).all())
    with source.read() as connection:
        failed = [dict(row) for row in connection.execute(select(failures)).mappings()]
    if failed:
        with target.write() as connection:
            connection.execute(target.insert(failures), failed)
    _merge_runs(target, source, ended, left, counts)
    return MergeSummary(**counts)


def _merge_generations(target: Database, source: Database) -> None:
    """Take over the generations. An age counts from the older beginning, so that no sample is younger than it is."""
    with source.read() as connection:
        theirs = connection.execute(select(generations)).all()
    with target.write() as connection:
        target.lock(connection, generations)
        for row in theirs:
            connection.execute(target.insert(generations), row._asdict())
            place = generations.c.fingerprint == row.fingerprint, generations.c.generation == row.generation
            younger = update(generations).where(*place, generations.c.begun > row.begun)
            connection.execute(younger.values(begun=row.begun))


def _requests(source: Database) -> Iterator[list[Any]]:
    """All requests of a store, in pages by key, so that neither side holds a transaction for long."""
    last = b""
    while True:
        query = select(requests).where(requests.c.key > last).order_by(requests.c.key).limit(_KEYS)
        with source.read() as connection:
            page = list(connection.execute(query))
        if not page:
            return
        yield page
        last = page[-1].key


def _stored(connection: Connection, keys: Collection[bytes]) -> list[Any]:
    return list(connection.execute(select(samples).where(samples.c.key.in_(keys))))


def _is_another(theirs: Any, ours: Any | None) -> bool:
    """Tell whether both stores have drawn a sample."""
    return ours is not None and (theirs.text, theirs.created) != (ours.text, ours.created)


def _complete(database: Database) -> list[Any]:
    columns = runs.c.run_id, runs.c.created, runs.c.begun, runs.c.spec
    query = select(*columns).where(runs.c.report.is_not(None)).order_by(runs.c.begun)
    with database.read() as connection:
        return list(connection.execute(query).all())


def _merge_runs(
    target: Database, source: Database, ended: list[Any], left: Collection[bytes], counts: Counter[str]
) -> None:
    known = {run.run_id for run in _complete(target)}
    ours, theirs = RunTables(target), RunTables(source)
    for run in ended:
        report = theirs.report(run.run_id)
        if run.run_id in known or report is None:
            continue
        with target.write() as connection:
            counts["runs"] += len(connection.execute(target.insert(runs, runs.c.run_id), [run._asdict()]).all())
        rows = iter(theirs.scores(run.run_id))
        while page := list(islice(rows, _SCORES)):
            page = [replace(row, sample_key=None) if row.sample_key in left else row for row in page]
            counts["scores"] += ours.add_scores(run.run_id, page)
        ours.finish_run(run.run_id, report)  # at last: it says that all scores of the run are here
