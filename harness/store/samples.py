"""Samples, their requests, and generations of draws."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select

from harness.errors import StoreError, UnstorableError
from harness.records import Draw, Request, Sample
from harness.store import codec
from harness.store.database import Database
from harness.store.tables import generations, requests, samples

_CHUNK = 500

_find = select(
    samples.c.key,
    samples.c.sample_index,
    samples.c.text,
    samples.c.finish_reason,
    samples.c.prompt_tokens,
    samples.c.completion_tokens,
    samples.c.latency_s,
    samples.c.extra,
).where(samples.c.key.in_(bindparam("keys", expanding=True)))


def chunks(keys: Iterable[bytes], size: int = _CHUNK) -> Iterable[list[bytes]]:
    """The keys in lists of at most `size`, which every database takes in one statement."""
    iterator = iter(keys)
    while chunk := list(islice(iterator, size)):
        yield chunk


def find(database: Database, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
    """See `Store.find`."""
    with database.read() as connection:
        return _found(connection, dict.fromkeys(keys))


def _found(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
    found: dict[bytes, dict[int, Sample]] = {}
    for chunk in chunks(keys):
        for key, *row in connection.execute(_find, {"keys": chunk}):
            found.setdefault(key, {})[row[0]] = codec.stored_sample(row)
    return found


def add(database: Database, draws: Sequence[Draw]) -> list[Sample]:
    """See `Store.add`."""
    if not draws:
        return []
    now = time.time()
    asked = {draw.key: draw for draw in reversed(draws)}
    # Sorted, so that two processes that write the same rows on Postgres never wait for each other in a circle.
    rows = [_sample_row(draw, now) for draw in draws]
    rows.sort(key=lambda row: (row["key"], row["sample_index"]))
    with database.write() as connection:
        connection.execute(database.insert(requests), [_request_row(asked[key]) for key in sorted(asked)])
        written = connection.execute(database.insert(samples, samples.c.key, samples.c.sample_index), rows)
        own = {(key, index) for key, index in written}
        if len(own) == len(draws):
            return [draw.sample for draw in draws]
        first = _found(connection, asked)
    kept = []
    for draw in draws:
        place = (draw.key, draw.sample.index)
        kept.append(draw.sample if place in own else first[draw.key][draw.sample.index])
        own.discard(place)
    return kept


def _sample_row(draw: Draw, now: float) -> dict[str, Any]:
    try:
        return codec.sample_row(draw.key, draw.sample, now)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableError(f"A sample holds what can't be written as JSON: {error}") from error


def _request_row(draw: Draw) -> dict[str, Any]:
    return {
        "key": draw.key,
        "fingerprint": draw.fingerprint,
        "generation": draw.generation,
        "request": codec.request_text(draw.request),
    }


def request(database: Database, key: bytes) -> Request | None:
    """See `Store.request`."""
    with database.read() as connection:
        text = connection.execute(select(requests.c.request).where(requests.c.key == key)).scalar_one_or_none()
    return None if text is None else codec.stored_request(text)


def generation(database: Database, fingerprint: str, *, fresh: bool, max_age_s: float | None, now: float | None) -> int:
    """See `Store.generation`."""
    now = time.time() if now is None else now
    with database.read() as connection:
        last = _last_generation(connection, fingerprint)
        drawn = _last_generation(connection, fingerprint, with_samples=True)
    for known in (drawn, last):  # a fresh start that came to nothing hides no samples
        if _goes_on(known, now, fresh=fresh, max_age_s=max_age_s):
            return int(known.generation)
    if database.readonly:
        if fresh:
            raise StoreError(f"The store {database.url} is open for reading only: no new generation can begin.")
        return 0 if last is None else int(last.generation) + 1
    with database.write() as connection:
        database.lock(connection, generations)
        # Another process may have begun one since; its generation is fresh enough for an age, never for `fresh`.
        last = _last_generation(connection, fingerprint)
        if _goes_on(last, now, fresh=fresh, max_age_s=max_age_s):
            return int(last.generation)
        number = 0 if last is None else int(last.generation) + 1
        row = {"fingerprint": fingerprint, "generation": number, "begun": now}
        connection.execute(generations.insert(), {**row, "token": secrets.token_hex(16) if number else ""})
        return number


def _last_generation(connection: Connection, fingerprint: str, *, with_samples: bool = False) -> Any:
    query = select(generations).where(generations.c.fingerprint == fingerprint)
    if with_samples:
        drawn = requests.c.fingerprint == fingerprint, requests.c.generation == generations.c.generation
        query = query.where(exists().where(*drawn))
    return connection.execute(query.order_by(generations.c.generation.desc()).limit(1)).one_or_none()


def _goes_on(last: Any, now: float, *, fresh: bool, max_age_s: float | None) -> bool:
    if last is None or fresh:
        return False
    # A generation begun in the future, by a clock that was wrong then or is now, tells as little as an old one.
    return max_age_s is None or abs(now - float(last.begun)) <= max_age_s
