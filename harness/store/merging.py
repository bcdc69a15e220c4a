"""Bringing another store in, without mixing draws that must not be mixed.

A key says which generation of draws a sample belongs to, but only by its number, and two stores may mean different
things by "generation 1". So every generation from the first `--fresh` on has a random token:

- Generation 0 is the same everywhere: nobody has asked for new draws, and equal fingerprints behave the same.
- A generation with the same number and token is the same: one store began as a copy of the other.
- A generation that only the other store has is taken over where all before it are the same.
- Any other generation stays apart, and so does what comes after it.

Samples of the same generation come under their own keys, and a gate uses them. Samples that stay apart come under keys
made from the old key and the token: no gate asks for those, but the runs that scored them come too and find them. A key
whose samples differ from those already here (both stores drew the same sample) stays apart as well, whole, so that no
key ever holds a mixture of two draws of one sample. Merging the same store again brings in what is new, and only that.
A gate may draw into the other store meanwhile: what it began or scored since the merge began comes with the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select, update

from harness.records import ScoreRow
from harness.store import runs as run_rows
from harness.store.database import Database
from harness.store.schema import codec, digests
from harness.store.schema.migrations import kept_failures, readable_column, table_names
from harness.store.schema.tables import APART, failures, generations, reports, requests, runs, samples
from harness.store.summaries import MergeSummary

_KEYS = 64
_SCORES = 5000

Place = tuple[str, int]


@dataclass(slots=True)
class _Counts:
    samples: int = 0
    apart: int = 0
    requests: int = 0
    runs: int = 0
    scores: int = 0


def merge(target: Database, source: Database) -> MergeSummary:
    """See `Store.merge`."""
    counts = _Counts()
    begun = _runs_of(source)  # beforehand: what their scores rest on is all there
    apart, known = _merge_generations(target, source)
    moved: dict[bytes, bytes] = {}
    for rows in _requests(source, known):
        with target.write() as connection:
            for table in (requests, samples):
                target.lock(connection, table)
            _merge_samples(target, connection, _Batch(rows, _samples(source, rows), apart), counts, moved)
    _merge_failures(target, source, apart, known)
    _merge_runs(target, source, begun, moved, counts)
    return MergeSummary(counts.samples, counts.apart, counts.requests, counts.runs, counts.scores)


@dataclass(frozen=True, slots=True)
class _RunsThen:
    """The runs of a store, the oldest first, and the scores so far of each that is not complete, by its identity."""

    rows: list[Any]
    scores: Mapping[str, list[ScoreRow]]


def _runs_of(source: Database) -> _RunsThen:
    complete = _complete(source)
    with source.read() as connection:
        rows = list(connection.execute(select(runs).order_by(runs.c.begun)))
    going_on = [run.run_id for run in rows if run.run_id not in complete]
    return _RunsThen(rows, {run_id: list(run_rows.stream_scores(source, run_id)) for run_id in going_on})


def _complete(database: Database) -> set[str]:
    """The runs that are complete."""
    with database.read() as connection:
        return set(connection.execute(select(reports.c.run_id)).scalars())


def _is_later(place: Place, known: Collection[Place]) -> bool:
    """Tell whether a generation was begun since the merge began: nobody knows yet what it continues."""
    return place[1] > 0 and place not in known


def _merge_generations(target: Database, source: Database) -> tuple[dict[Place, str], set[Place]]:
    """Take over the generations that continue what is here; gives the tokens of those that stay apart, and all that are
    there.
    """
    with source.read() as connection:
        theirs = _histories(connection)
    apart: dict[Place, str] = {}
    with target.write() as connection:
        target.lock(connection, generations)
        ours = _histories(connection)
        for fingerprint, history in theirs.items():
            known = ours.get(fingerprint, {})
            diverged = False
            for number, row in sorted(history.items()):
                here = known.get(number)
                diverged = diverged or (here is not None and here.token != row.token)
                if diverged:
                    apart[fingerprint, number] = row.token
                elif here is None:
                    connection.execute(generations.insert(), row._asdict())
                elif row.begun < here.begun:
                    # An age counts from the older beginning, so that no sample is taken for younger than it is.
                    place = (generations.c.fingerprint == fingerprint, generations.c.generation == number)
                    connection.execute(update(generations).where(*place).values(begun=row.begun))
    return apart, {(fingerprint, number) for fingerprint, history in theirs.items() for number in history}


def _histories(connection: Connection) -> dict[str, dict[int, Any]]:
    histories: dict[str, dict[int, Any]] = {}
    for row in connection.execute(select(generations)):
        histories.setdefault(row.fingerprint, {})[row.generation] = row
    return histories


def _requests(source: Database, known: Collection[Place]) -> Iterator[list[Any]]:
    """All requests of a store, in pages by key, so that neither side holds a transaction for long."""
    last = b""
    while True:
        query = select(requests).where(requests.c.key > last).order_by(requests.c.key).limit(_KEYS)
        with source.read() as connection:
            page = list(connection.execute(query))
        if not page:
            return
        if rows := [row for row in page if not _is_later((row.fingerprint, row.generation), known)]:
            yield rows
        last = page[-1].key


def _samples(source: Database, rows: list[Any]) -> dict[bytes, dict[int, Any]]:
    with source.read() as connection:
        found = _by_key(source, connection, [row.key for row in rows])
    for key, of_key in found.items():
        for index, row in of_key.items():
            if what := digests.problem(key, row.digest, _content(row), source.schema_version):
                raise digests.damage(source.url, key, index, what)
    return found


def _content(row: Any) -> list[Any]:
    return [getattr(row, name) for name in digests.FIELDS]


def _at(key: bytes, row: Any) -> dict[str, Any]:
    """A sample as a row under a key, which its digest holds."""
    return {**row._asdict(), "key": key, "digest": codec.sample_digest(_content(row), key)}


def _by_key(database: Database, connection: Connection, keys: Iterable[bytes]) -> dict[bytes, dict[int, Any]]:
    found: dict[bytes, dict[int, Any]] = {}
    columns = (readable_column(column, database.schema_version) for column in samples.c)
    for row in connection.execute(select(*columns).where(samples.c.key.in_(list(keys)))):
        found.setdefault(row.key, {})[row.sample_index] = row
    return found


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some requests of the other store with their samples, and which generations stay apart."""

    requests: list[Any]
    samples: Mapping[bytes, Mapping[int, Any]]
    apart: Mapping[Place, str]


def _merge_samples(
    target: Database, connection: Connection, batch: _Batch, counts: _Counts, moved: dict[bytes, bytes]
) -> None:
    places = _places(target, connection, batch)
    moved.update({key: place for key, place in places.items() if place != key})
    asked = [
        {**row._asdict(), "key": places[row.key], "generation": row.generation if places[row.key] == row.key else APART}
        for row in batch.requests
    ]
    counts.requests += len(connection.execute(target.insert(requests, requests.c.key), asked).all())
    drawn = [_at(places[key], row) for key, of_key in batch.samples.items() for row in of_key.values()]
    if drawn:
        new = connection.execute(target.insert(samples, samples.c.key), drawn).scalars().all()
        elsewhere = {place for key, place in places.items() if place != key}
        counts.samples += len(new)
        counts.apart += sum(key in elsewhere for key in new)


def _places(target: Database, connection: Connection, batch: _Batch) -> dict[bytes, bytes]:
    """The key under which each request's samples come to lie: the first in its chain of keys without a conflict."""
    tokens = {row.key: batch.apart.get((row.fingerprint, row.generation)) for row in batch.requests}
    places = {key: key if token is None else _elsewhere(key, token) for key, token in tokens.items()}
    unsettled = set(places)
    while unsettled:
        here = _by_key(target, connection, [places[key] for key in unsettled])
        unsettled = {key for key in unsettled if _conflict(batch.samples.get(key, {}), here.get(places[key], {}))}
        for key in unsettled:
            places[key] = _elsewhere(places[key], tokens[key] or "")
    return places


def _merge_failures(target: Database, source: Database, apart: Mapping[Place, str], known: Collection[Place]) -> None:
    """Take over what failed there, but for draws that no gate asks for here."""
    is_there = failures.name in table_names(source.schema_version)
    with source.read() as connection:
        found = connection.execute(select(failures)).mappings().all() if is_there else kept_failures(connection)
    noted = [
        dict(row)
        for row in found
        if not (_is_later(place := (row["fingerprint"], row["generation"]), known) or place in apart)
    ]
    if noted:
        with target.write() as connection:
            connection.execute(target.insert(failures), noted)


def _elsewhere(key: bytes, token: str) -> bytes:
    return hashlib.blake2b(key + token.encode("ascii"), digest_size=16, person=b"steelyard apart").digest()


def _conflict(theirs: Mapping[int, Any], ours: Mapping[int, Any]) -> bool:
    """Tell whether both hold a sample of the same index that was drawn twice."""
    return any(
        (theirs[index].text, theirs[index].created) != (ours[index].text, ours[index].created)
        for index in theirs.keys() & ours.keys()
    )


def _merge_runs(
    target: Database, source: Database, begun: _RunsThen, moved: Mapping[bytes, bytes], counts: _Counts
) -> None:
    ours = _complete(target)
    for run in begun.rows:
        if run.run_id in ours:
            continue
        with target.write() as connection:
            counts.runs += len(connection.execute(target.insert(runs, runs.c.run_id), [run._asdict()]).all())
        is_complete = run.run_id not in begun.scores
        rows = iter(run_rows.stream_scores(source, run.run_id) if is_complete else begun.scores[run.run_id])
        while page := list(islice(rows, _SCORES)):
            counts.scores += run_rows.add_scores(target, run.run_id, [_moved(row, moved) for row in page])
        # The report comes last: it says that all scores of the run are here.
        report = run_rows.report(source, run.run_id) if is_complete else None
        if report is not None:
            run_rows.finish_run(target, run.run_id, report)


def _moved(row: ScoreRow, moved: Mapping[bytes, bytes]) -> ScoreRow:
    if row.sample_key is None or row.sample_key not in moved:
        return row
    return replace(row, sample_key=moved[row.sample_key])
