"""Samples, their requests, and generations of draws."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, exists, func, select

from harness.errors import StoreError, UnstorableError
from harness.records import NewSample, NotedFailures, Request, Sample
from harness.store.database import Database
from harness.store.schema import codec
from harness.store.schema.tables import failures, generations, requests, samples

_CHUNK = 500
Item = TypeVar("Item")
_QUERY = select(samples.c.key, samples.c.digest, samples.c.created, *codec.COLUMNS).where(
    samples.c.key.in_(bindparam("keys", expanding=True))
)


def chunks(items: Iterable[Item], size: int = _CHUNK) -> Iterable[list[Item]]:
    """Keys, or other items, in lists of at most `size`, which every database takes in one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def find(database: Database, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
    """See `Store.find`."""
    with database.read() as connection:
        return _found(database, connection, dict.fromkeys(keys))


def _found(database: Database, connection: Connection, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
    found: dict[bytes, dict[int, Sample]] = {}
    for chunk in chunks(keys):
        for key, digest, created, *row in connection.execute(_QUERY, {"keys": chunk}):
            codec.check_sample(database.url, key, digest, row)
            found.setdefault(key, {})[row[0]] = codec.stored_sample(row, created)
    return found


def add(database: Database, draws: Sequence[NewSample], wait_s: float) -> list[Sample]:
    """See `Store.add`."""
    if not draws:
        return []
    now = time.time()
    asked = {draw.key: draw for draw in reversed(draws)}
    # Sorted, so that two processes that write the same rows on Postgres never wait for each other in a circle.
    rows = [_sample_row(draw, now) for draw in draws]
    rows.sort(key=lambda row: (row["key"], row["sample_index"]))
    with database.write(wait_s) as connection:
        connection.execute(database.insert(requests), [_request_row(asked[key]) for key in sorted(asked)])
        written = connection.execute(database.insert(samples, samples.c.key, samples.c.sample_index), rows)
        own = {(key, index) for key, index in written}
        if len(own) == len(draws):
            return [draw.sample for draw in draws]
        first = _found(database, connection, asked)
    kept = []
    for draw in draws:
        place = (draw.key, draw.sample.index)
        kept.append(draw.sample if place in own else first[draw.key][draw.sample.index])
        own.discard(place)
    return kept


def _sample_row(draw: NewSample, now: float) -> dict[str, Any]:
    try:
        return codec.sample_row(draw.key, draw.sample, now)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableError(f"A sample holds what can't be written as JSON: {error}") from error


def note_failures(database: Database, draws: Sequence[NewSample]) -> NotedFailures:
    """See `Store.note_failures`."""
    fingerprint, generation, now = draws[0].fingerprint, draws[0].generation, time.time()
    rows = [{**_request_row(draw), "sample_index": draw.sample.index, "created": now} for draw in draws]
    for row, draw in zip(rows, draws, strict=True):
        row["failure"] = codec.dumps(draw.sample.failure)
    rows.sort(key=lambda row: (row["key"], row["sample_index"]))
    of_both = requests.c.fingerprint == fingerprint, requests.c.generation == generation
    stored = select(func.count()).join_from(samples, requests, samples.c.key == requests.c.key).where(*of_both)
    is_stored = samples.c.key == failures.c.key, samples.c.sample_index == failures.c.sample_index
    query = select(failures, exists().where(*is_stored).label("is_stored"))
    query = query.where(failures.c.fingerprint == fingerprint, failures.c.generation == generation)
    with database.write() as connection:
        n_stored = connection.scalar(stored)
        if not n_stored:
            return NotedFailures()
        connection.execute(database.insert(failures), rows)
        noted = connection.execute(query).all()
    return NotedFailures([_noted(row) for row in noted], n_stored + sum(not row.is_stored for row in noted))


def _noted(row: Any) -> NewSample:
    sample = Sample("", row.sample_index, failure=json.loads(row.failure))
    return NewSample(row.key, row.fingerprint, row.generation, codec.stored_request(row.request), sample)


def _request_row(draw: NewSample) -> dict[str, Any]:
    return {
        "key": draw.key,
        "fingerprint": draw.fingerprint,
        "generation": draw.generation,
        "request": codec.request_text(draw.request),
    }


def asked(database: Database, keys: Iterable[bytes]) -> dict[bytes, Request]:
    """See `Store.requests`."""
    query = select(requests.c.key, requests.c.request)
    with database.read() as connection:
        rows = [row for chunk in chunks(keys) for row in connection.execute(query.where(requests.c.key.in_(chunk)))]
    return {key: codec.stored_request(text) for key, text in rows}


def generations_in_use(
    database: Database, fingerprint: str, *, fresh: bool, max_age_s: float | None, now: float | None
) -> tuple[int, ...]:
    """See `Store.generations`."""
    now = time.time() if now is None else now
    with database.read() as connection:
        begun = _begun(connection, fingerprint)
        usable = [] if fresh else _young(begun, now, max_age_s)
        if usable:
            return _with_samples(connection, fingerprint, usable)
    if database.readonly:
        if fresh:
            raise StoreError(f"The store {database.url} is open for reading only: no new generation can begin.")
        return (_next(begun),)
    with database.write() as connection:
        database.lock(connection, generations)
        # Another process may have begun one since; its generation is young enough for an age, never for `fresh`.
        begun = _begun(connection, fingerprint)
        usable = [] if fresh else _young(begun, now, max_age_s)
        if usable:
            return tuple(usable)
        return (_begin(connection, fingerprint, _next(begun), now),)


def begun(database: Database, fingerprint: str) -> dict[int, float]:
    """See `Store.begun`."""
    with database.read() as connection:
        return _begun(connection, fingerprint)


def first_draws(database: Database, fingerprint: str, known: Collection[int], first_index: int = 0) -> tuple[int, ...]:
    """See `Store.first_draws`."""
    found = sorted(known)
    if first_index and len(found) > 1:
        is_there = samples.c.key == requests.c.key, samples.c.sample_index >= first_index
        of_version = requests.c.fingerprint == fingerprint, select(samples.c.key).where(*is_there).exists()
        with database.read() as connection:
            drawn = set(connection.scalars(select(requests.c.generation).where(*of_version).distinct()))
        found.sort(key=lambda each: each not in drawn)
    return tuple(found)


def has_draws(database: Database, fingerprint: str, known: Collection[int], first_index: int) -> bool:
    """See `Store.has_draws`."""
    of_version = requests.c.fingerprint == fingerprint, requests.c.generation.in_(known)
    is_there = samples.c.key == requests.c.key, samples.c.sample_index >= first_index
    with database.read() as connection:
        return bool(connection.scalar(select(exists().where(*of_version, *is_there))))


def _begin(connection: Connection, fingerprint: str, number: int, now: float) -> int:
    connection.execute(generations.insert(), {"fingerprint": fingerprint, "generation": number, "begun": now})
    return number


def _begun(connection: Connection, fingerprint: str) -> dict[int, float]:
    """Give the time at which each generation of a version was begun, the newest first."""
    of_version = generations.c.fingerprint == fingerprint
    query = select(generations.c.generation, generations.c.begun).where(of_version)
    return {row.generation: row.begun for row in connection.execute(query.order_by(generations.c.generation.desc()))}


def _next(begun: Mapping[int, float]) -> int:
    return max(begun, default=-1) + 1


def _young(begun: Mapping[int, float], now: float, max_age_s: float | None) -> list[int]:
    """The generations that are not too old. One begun in the future, by a clock that was wrong then or is now, tells as
    little as an old one.
    """
    return [number for number, at in begun.items() if max_age_s is None or abs(now - at) <= max_age_s]


def _with_samples(connection: Connection, fingerprint: str, usable: Sequence[int]) -> tuple[int, ...]:
    """Those that hold samples; the newest where none does. A fresh start that came to nothing is not gone on with."""
    if len(usable) == 1:
        return tuple(usable)
    query = select(requests.c.generation).where(requests.c.fingerprint == fingerprint).distinct()
    drawn = set(connection.execute(query).scalars())
    return tuple(number for number in usable if number in drawn) or (usable[0],)
