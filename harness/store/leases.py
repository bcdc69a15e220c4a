"""Leases on draws: of two gates on one store one draws a sample, and the other waits for it.

A lease ends with its holder, or some seconds after that was last heard of. It saves money and keeps nothing right: what
is drawn twice all the same is stored once.
"""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, select, tuple_, union_all, update

from harness.store.database import BUSY_S, Database
from harness.store.samples import StoreTables, chunks
from harness.store.schema import draw_leases as leases
from harness.store.schema import samples

LEASE_S = 30.0
_PLACE = leases.c.key, leases.c.sample_index
_KEYS: Any = bindparam("keys", expanding=True)
_NOT_FREE = union_all(
    select(*_PLACE).where(leases.c.key.in_(_KEYS)),
    select(samples.c.key, samples.c.sample_index).where(samples.c.key.in_(_KEYS)),
)
Draw = tuple[bytes, int]
"""The key and the index of a sample."""


class DrawLeaseTable(StoreTables):
    """The leases of one holder. Whoever takes some renews them well within `LEASE_S`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._host = platform.node()[:60]
        self._holder = f"{secrets.token_hex(4)} {os.getpid()} {self._host}"
        self._own = leases.c.holder == self._holder

    def take(self, draws: Collection[Draw], returned: Collection[Draw] = (), wait_s: float = BUSY_S) -> set[Draw]:
        """Lease draws, and give those back that came to nothing.

        Returns those that nobody else holds, and that are not stored.
        """
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            for some in chunks(returned):
                connection.execute(delete(leases).where(tuple_(*_PLACE).in_(some), self._own))
            now = self._now(connection)
            free = _free(connection, draws)
            if len(free) < len(draws) and self._end_others(connection, now):
                free = _free(connection, draws)
            rest = {"holder": self._holder, "until": now + LEASE_S}
            self._database.add(leases, [{"key": key, "sample_index": at, **rest} for key, at in free])
        return free

    def renew(self, wait_s: float = BUSY_S) -> bool:
        """Let all leases run anew but those whose samples are stored, and tell whether there are any."""
        is_stored = samples.c.key == leases.c.key, samples.c.sample_index == leases.c.sample_index
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            connection.execute(delete(leases).where(self._own, exists().where(*is_stored)))
            until = self._now(connection) + LEASE_S
            return connection.execute(update(leases).where(self._own).values(until=until)).rowcount > 0

    def end(self, wait_s: float = BUSY_S) -> None:
        """Give all leases back."""
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            connection.execute(delete(leases).where(self._own))

    def _end_others(self, connection: Connection, now: float) -> bool:
        """Remove the leases that have run out, and those of processes of this machine that are gone."""
        query = select(leases.c.holder, func.max(leases.c.until)).group_by(leases.c.holder)
        ended = [holder for holder, until in connection.execute(query) if until < now or self._has_ended(holder)]
        return bool(ended) and connection.execute(delete(leases).where(leases.c.holder.in_(ended))).rowcount > 0

    def _has_ended(self, holder: str) -> bool:
        import psutil

        _, pid, host = holder.split(" ", 2)
        return host == self._host and not psutil.pid_exists(int(pid))

    def _now(self, connection: Connection) -> float:
        """The time: that of the database where clocks of several machines may differ."""
        if self._database.is_sqlite:
            return time.time()
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


def _free(connection: Connection, draws: Collection[Draw]) -> set[Draw]:
    free = set(draws)
    for keys in chunks({key for key, _ in draws}):
        free.difference_update(map(tuple, connection.execute(_NOT_FREE, {"keys": keys})))
    return free
