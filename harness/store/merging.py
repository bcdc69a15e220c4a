"""Bringing another store in: what is new is added, what is here stays, and merging again brings what is new since.

A key says all that a sample depends on, so that samples of both stores lie side by side. Where both have drawn the same
sample, that of here stays, and all of its key stay there: the scores of runs that rest on those come without an answer,
as if it had been pruned. Runs come that have ended; what a gate draws there meanwhile comes with the next merge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select, update

from harness.store import runs as run_rows
from harness.store.database import Database
from harness.store.schema import codec
from harness.store.schema.tables import failures, generations, reports, requests, runs, samples
from harness.store.summaries import MergeSummary

_KEYS = 64
_SCORES = 5000


@dataclass(slots=True)
class _Counts:
    samples: int = 0
    left: int = 0
    requests: int = 0
    runs: int = 0
    scores: int = 0


def merge(target: Database, source: Database) -> MergeSummary:
    """See `Store.merge`."""
    counts = _Counts()
    ended = _complete(source)  # beforehand: what their scores rest on is all there
    _merge_generations(target, source)
    left: set[bytes] = set()
    for rows in _requests(source):
        drawn = _by_key(source, [row.key for row in rows])
        with target.write() as connection:
            for table in (requests, samples):
                target.lock(connection, table)
            left |= _merge_samples(target, connection, rows, drawn, counts)
    with source.read() as connection:
        failed = [dict(row) for row in connection.execute(select(failures)).mappings()]
    if failed:
        with target.write() as connection:
            connection.execute(target.insert(failures), failed)
    _merge_runs(target, source, ended, left, counts)
    return MergeSummary(counts.samples, counts.left, counts.requests, counts.runs, counts.scores)


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


def _by_key(source: Database, keys: Collection[bytes]) -> dict[bytes, dict[int, Any]]:
    with source.read() as connection:
        found = _stored(connection, keys)
    for key, of_key in found.items():
        for row in of_key.values():
            codec.check_sample(source.url, key, row.digest, [getattr(row, column.name) for column in codec.COLUMNS])
    return found


def _stored(connection: Connection, keys: Collection[bytes]) -> dict[bytes, dict[int, Any]]:
    found: dict[bytes, dict[int, Any]] = {}
    for row in connection.execute(select(samples).where(samples.c.key.in_(keys))):
        found.setdefault(row.key, {})[row.sample_index] = row
    return found


def _merge_samples(
    target: Database,
    connection: Connection,
    asked: list[Any],
    theirs: Mapping[bytes, Mapping[int, Any]],
    counts: _Counts,
) -> set[bytes]:
    """Add samples with their requests; gives the keys of those that stay there, for both stores drew the same."""
    ours = _stored(connection, theirs.keys())
    left = {key for key, of_key in theirs.items() if _are_drawn_twice(of_key, ours.get(key, {}))}
    counts.left += sum(len(theirs[key]) for key in left)
    rows = [row._asdict() for row in asked if row.key not in left]
    drawn = [row._asdict() for key, of_key in theirs.items() if key not in left for row in of_key.values()]
    if rows:
        counts.requests += len(connection.execute(target.insert(requests, requests.c.key), rows).all())
    if drawn:
        counts.samples += len(connection.execute(target.insert(samples, samples.c.key), drawn).all())
    return left


def _are_drawn_twice(theirs: Mapping[int, Any], ours: Mapping[int, Any]) -> bool:
    return any(
        (theirs[index].text, theirs[index].created) != (ours[index].text, ours[index].created)
        for index in theirs.keys() & ours.keys()
    )


def _complete(database: Database) -> list[Any]:
    query = select(runs).join(reports, reports.c.run_id == runs.c.run_id).order_by(runs.c.begun)
    with database.read() as connection:
        return list(connection.execute(query).all())


def _merge_runs(target: Database, source: Database, ended: list[Any], left: Collection[bytes], counts: _Counts) -> None:
    known = {run.run_id for run in _complete(target)}
    for run in ended:
        report = run_rows.report(source, run.run_id)
        if run.run_id in known or report is None:
            continue
        with target.write() as connection:
            counts.runs += len(connection.execute(target.insert(runs, runs.c.run_id), [run._asdict()]).all())
        rows = iter(run_rows.stream_scores(source, run.run_id))
        while page := list(islice(rows, _SCORES)):
            page = [replace(row, sample_key=None) if row.sample_key in left else row for row in page]
            counts.scores += run_rows.add_scores(target, run.run_id, page)
        run_rows.finish_run(target, run.run_id, report)  # at last: it says that all scores of the run are here
