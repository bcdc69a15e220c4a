"""The digests of samples: comparing them when samples are read, and giving them to samples of an older store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_

from harness.errors import StoreError
from harness.store.schema import codec
from harness.store.schema.tables import samples

COLUMNS = (
    samples.c.sample_index,
    samples.c.text,
    samples.c.finish_reason,
    samples.c.prompt_tokens,
    samples.c.completion_tokens,
    samples.c.latency_s,
    samples.c.extra,
)
"""Columns that a sample's digest is made of beside its key, in this order."""
FIELDS = tuple(column.name for column in COLUMNS)

_KEYED_SINCE = 8
_PAGE = 2_000


def problem(key: bytes, digest: int | None, row: Sequence[Any], schema_version: int) -> str | None:
    """Say what is wrong with a sample that was read, or give None.

    Before schema version 8 a digest did not hold the key, and a sample might have none.
    """
    is_keyed = schema_version >= _KEYED_SINCE
    if digest == codec.sample_digest(row, key if is_keyed else b"") or (digest is None and not is_keyed):
        return None
    if digest is None:
        return (
            "has no digest: somebody removed it, or an older Steelyard that ran at the time stored the sample after "
            f"a newer one had brought the store to schema version {_KEYED_SINCE}"
        )
    return "is not what was stored; somebody changed it or moved it, or the disk did"


def damage(url: str, key: bytes, index: int, what: str) -> StoreError:
    """The error for a sample that has a problem."""
    return StoreError(
        f"The store {url} is damaged: the sample {index} of {key.hex()} {what}. "
        "Put a copy of the store in its place, or draw anew with --fresh."
    )


def fill(connection: Connection) -> None:
    """Give each sample of a store of schema version 7 or less its digest.

    A sample that differs from the digest that it has keeps that one, and so is found when it is read.
    """
    place = (samples.c.key, samples.c.sample_index)
    page = select(samples.c.key, samples.c.digest, *COLUMNS).order_by(*place).limit(_PAGE)
    one = samples.update().where(samples.c.key == bindparam("of_key"), samples.c.sample_index == bindparam("of_index"))
    last: tuple[bytes, int] | None = None
    while True:
        rows = connection.execute(page if last is None else page.where(tuple_(*place) > tuple_(*last))).all()
        if not rows:
            return
        last = rows[-1].key, rows[-1].sample_index
        filled = [
            {"of_key": key, "of_index": row[0], "digest": codec.sample_digest(row, key)}
            for key, digest, *row in rows
            if digest is None or digest == codec.sample_digest(row, b"")
        ]
        if filled:
            connection.execute(one, filled)
