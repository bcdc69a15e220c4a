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
from harness.store.samples import chunks
from harness.store.schema.tables import draw_leases as leases
from harness.store.schema.tables import samples

LEASE_S = 10.0
_PLACE = leases.c.key, leases.c.sample_index
_KEYS: Any = bindparam("keys", expanding=True)
_TAKEN = union_all(
    select(*_PLACE).where(leases.c.key.in_(_KEYS)),
    select(samples.c.key, samples.c.sample_index).where(samples.c.key.in_(_KEYS)),
)
Draw = tuple[bytes, int]
"""The key and the index of a sample."""


class DrawLeaseTable:
    """The leases of one holder. Whoever takes some renews them well within `LEASE_S`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._host = platform.node()[:60]
        self._holder = f"{secrets.token_hex(4)} {os.getpid()} {self._host}"

    def take(self, draws: Collection[Draw], returned: Collection[Draw] = (), wait_s: float = BUSY_S) -> set[Draw]:
        """Lease draws, and give those back that came to nothing.

        Returns those that nobody else holds, and that are not stored.
        """
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            for some in chunks(returned):
                connection.execute(delete(leases).where(tuple_(*_PLACE).in_(some), leases.c.holder == self._holder))
            free = _free(connection, draws)
            if len(free) < len(draws) and self._end_others(connection):
                free = _free(connection, draws)
            rest = {"holder": self._holder, "until": self._now(connection) + LEASE_S}
            if free:
                connection.execute(leases.insert(), [{"key": key, "sample_index": at, **rest} for key, at in free])
        return free

    def _end_others(self, connection: Connection) -> bool:
        """Remove the leases that have run out, and those of processes of this machine that are gone."""
        query = select(leases.c.holder, func.max(leases.c.until)).group_by(leases.c.holder)
        now = self._now(connection)
        ended = [holder for holder, until in connection.execute(query) if until < now or self._is_gone(holder)]
        if ended:
            connection.execute(delete(leases).where(leases.c.holder.in_(ended)))
        return bool(ended)

    def _is_gone(self, holder: str) -> bool:
        _, pid, host = holder.split(" ", 2)
        if host == self._host:
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                return True
            except OSError:  # somebody else's, and alive
                return False
        return False

    def _now(self, connection: Connection) -> float:
        """The time: that of the database where clocks of several machines may differ."""
        if self._database.is_sqlite:
            return time.time()
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())

    def renew(self, wait_s: float = BUSY_S) -> bool:
        """Let all leases run anew but those whose samples are stored, and tell whether there are any."""
        own = leases.c.holder == self._holder
        is_stored = samples.c.key == leases.c.key, samples.c.sample_index == leases.c.sample_index
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            connection.execute(delete(leases).where(own, exists().where(*is_stored)))
            until = self._now(connection) + LEASE_S
            return connection.execute(update(leases).where(own).values(until=until)).rowcount > 0

    def end(self, wait_s: float = BUSY_S) -> None:
        """Give all leases back."""
        with self._database.write(wait_s) as connection:
            self._database.lock(connection, leases)
            connection.execute(delete(leases).where(leases.c.holder == self._holder))


def _free(connection: Connection, draws: Collection[Draw]) -> set[Draw]:
    free = set(draws)
    for keys in chunks({key for key, _ in draws}):
        free.difference_update(map(tuple, connection.execute(_TAKEN, {"keys": keys})))
    return free
