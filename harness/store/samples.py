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
from harness.store.database import BUSY_S, Database
from harness.store.schema import (
    SAMPLE_COLUMNS,
    dumps,
    failures,
    generations,
    request_json,
    requests,
    sample_row,
    samples,
    stored_request,
    stored_sample,
)

_CHUNK = 500
Item = TypeVar("Item")
_FIND = select(samples.c.key, *SAMPLE_COLUMNS).where(samples.c.key.in_(bindparam("keys", expanding=True)))


def chunks(items: Iterable[Item], size: int = _CHUNK) -> Iterable[list[Item]]:
    """Keys, or other items, in lists of at most `size`, which every database takes in one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class StoreTables:
    """A part of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database


class SampleTables(StoreTables):
    """What was drawn, and in which generation."""

    def find(self, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
        """All stored samples of these keys, by key and index; keys without any are left out."""
        with self._database.read() as connection:
            return _samples_of(connection, dict.fromkeys(keys))

    def add(self, draws: Sequence[NewSample], wait_s: float = BUSY_S) -> list[Sample]:
        """Store samples in one transaction, and with each new key its request; waits so many seconds for a lock.

        Returns the samples that count, one for each draw, in order. Where another process stored a sample of the same
        key and index first, that is the stored one, so that both processes score the same.
        """
        if not draws:
            return []
        now = time.time()
        asked = {draw.key: draw for draw in reversed(draws)}
        # Sorted, so that two processes that write the same rows on Postgres never wait for each other in a circle.
        rows = sorted((_sample_row(draw, now) for draw in draws), key=_place)
        with self._database.write(wait_s) as connection:
            self._database.add(requests, [_request_row(asked[key]) for key in sorted(asked)])
            own = set(map(tuple, self._database.add(samples, rows, samples.c.key, samples.c.sample_index)))
            if len(own) == len(draws):
                return [draw.sample for draw in draws]
            first = _samples_of(connection, asked)
        kept = []
        for draw in draws:
            place = (draw.key, draw.sample.index)
            kept.append(draw.sample if place in own else first[draw.key][draw.sample.index])
            own.discard(place)
        return kept

    def note_failures(self, draws: Sequence[NewSample]) -> NotedFailures:
        """Note draws of a generation of a version that failed; gives all that were ever noted of that generation.

        Of a generation that has no sample nothing is noted.
        """
        of, now = {"fingerprint": draws[0].fingerprint, "generation": draws[0].generation}, time.time()
        rows = [
            _request_row(draw)
            | {"sample_index": draw.sample.index, "created": now, "failure": dumps(draw.sample.failure)}
            for draw in draws
        ]
        stored = select(func.count()).join_from(samples, requests, samples.c.key == requests.c.key)
        is_stored = samples.c.key == failures.c.key, samples.c.sample_index == failures.c.sample_index
        query = select(failures, exists().where(*is_stored).label("is_stored")).filter_by(**of)
        with self._database.write() as connection:
            n_stored = connection.scalar(stored.where(*(requests.c[name] == value for name, value in of.items())))
            if not n_stored:
                return NotedFailures()
            self._database.add(failures, sorted(rows, key=_place))
            noted = connection.execute(query).all()
        return NotedFailures([_noted(row) for row in noted], n_stored + sum(not row.is_stored for row in noted))

    def request(self, key: bytes) -> Request | None:
        """The request that the samples of a key answer, or None where the key is unknown."""
        return self.requests([key]).get(key)

    def requests(self, keys: Iterable[bytes]) -> dict[bytes, Request]:
        """The request that the samples of each key answer; keys that are unknown are left out."""
        query = select(requests.c.key, requests.c.request)
        rows = [row for chunk in chunks(keys) for row in self._database.rows(query.where(requests.c.key.in_(chunk)))]
        return {key: stored_request(text) for key, text in rows}

    def generations(
        self, fingerprint: str, *, fresh: bool = False, max_age_s: float | None = None, now: float | None = None
    ) -> tuple[int, ...]:
        """The generations of draws whose samples a version may be answered with, the newest first; 0 is the first.

        New draws belong to the newest. Of the older ones a sample counts where no newer one has the same, so that a
        fresh draw of a few requests leaves all others what they have.

        Args:
            fresh: begin a new one, for this caller alone, and none beside it.
            max_age_s: none that was begun longer ago, and begin a new one where that leaves none; of two processes
                that find all too old at the same time, one begins it and both are in it.
            now: epoch seconds, for the clock's.

        Returns their numbers. A store open for reading begins none: where it would, the number is that of the next, of
        which nothing is stored.
        """
        now = time.time() if now is None else now
        begun = self.begun(fingerprint)
        if not fresh and (usable := _young(begun, now, max_age_s)):
            # One that holds none is left out but where none does: a fresh start that came to nothing.
            drawn = self._drawn(fingerprint) if len(usable) > 1 else usable
            return tuple(number for number in usable if number in drawn) or (usable[0],)
        if self._database.readonly:
            if fresh:
                raise StoreError(
                    f"The store {self._database.url} is open for reading only: no new generation can begin."
                )
            return (max(begun, default=-1) + 1,)
        with self._database.write() as connection:
            self._database.lock(connection, generations)
            # Another process may have begun one since; its generation is young enough for an age, never for `fresh`.
            begun = self.begun(fingerprint)
            if not fresh and (usable := _young(begun, now, max_age_s)):
                return tuple(usable)
            number = max(begun, default=-1) + 1
            connection.execute(generations.insert(), {"fingerprint": fingerprint, "generation": number, "begun": now})
        return (number,)

    def begun(self, fingerprint: str) -> dict[int, float]:
        """When each generation of a version's draws began, in epoch seconds, the newest first."""
        query = select(generations.c.generation, generations.c.begun).filter_by(fingerprint=fingerprint)
        return dict(map(tuple, self._database.rows(query.order_by(generations.c.generation.desc()))))

    def first_draws(self, fingerprint: str, known: Collection[int], first_index: int = 0) -> tuple[int, ...]:
        """Those of some generations of a version that a gate may be answered with, the oldest first; those without a
        sample from this index on come last.
        """
        drawn = self._drawn(fingerprint, first_index) if first_index and len(known) > 1 else known
        return tuple(sorted(known, key=lambda number: (number not in drawn, number)))

    def has_draws(self, fingerprint: str, known: Collection[int], first_index: int = 0) -> bool:
        """Tell whether any sample of these generations of a version is stored, from this index on."""
        drawn = _of_drawn(fingerprint, first_index).where(requests.c.generation.in_(known))
        return bool(self._database.rows(drawn.limit(1)))

    def _drawn(self, fingerprint: str, first_index: int = 0) -> set[int]:
        """The generations that hold samples, from this index on."""
        return set(self._database.values(_of_drawn(fingerprint, first_index).distinct()))


def _samples_of(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
    by_key: dict[bytes, dict[int, Sample]] = {}
    for chunk in chunks(keys):
        for key, *row in connection.execute(_FIND, {"keys": chunk}):
            by_key.setdefault(key, {})[row[0]] = stored_sample(row)
    return by_key


def _of_drawn(fingerprint: str, first_index: int) -> Any:
    is_there = samples.c.key == requests.c.key, samples.c.sample_index >= first_index
    return select(requests.c.generation).where(requests.c.fingerprint == fingerprint, exists().where(*is_there))


def _young(begun: Mapping[int, float], now: float, max_age_s: float | None) -> list[int]:
    """The generations that are not too old. One begun in the future, by a clock that was wrong then or is now, tells as
    little as an old one.
    """
    return [number for number, at in begun.items() if max_age_s is None or abs(now - at) <= max_age_s]


def _place(row: Mapping[str, Any]) -> tuple[bytes, int]:
    return row["key"], row["sample_index"]


def _sample_row(draw: NewSample, now: float) -> dict[str, Any]:
    try:
        return sample_row(draw.key, draw.sample, now)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableError(f"A sample holds what can't be written as JSON: {error}") from error


def _request_row(draw: NewSample) -> dict[str, Any]:
    text = request_json(draw.request)
    return {"key": draw.key, "fingerprint": draw.fingerprint, "generation": draw.generation, "request": text}


def _noted(row: Any) -> NewSample:
    sample = Sample("", row.sample_index, failure=json.loads(row.failure))
    return NewSample(row.key, row.fingerprint, row.generation, stored_request(row.request), sample)
