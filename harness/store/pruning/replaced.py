"""Samples of which a newer generation has the same: what requires nothing is answered with the newest. Gates take each
case's first draw, so that they rest on nothing that is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select

from harness.records.keys import stem_of
from harness.store.samples import chunks
from harness.store.schema.tables import APART, requests, samples

Conditions = Sequence[ColumnElement[bool]]


def delete_replaced(connection: Connection, of_version: Conditions, of_sample: Conditions) -> int:
    """Delete samples of which a newer generation has the same, and those that a merge kept apart; gives their number.

    Args:
        of_version: conditions on the table `requests`.
        of_sample: conditions on the table `samples`.
    """
    of_apart = samples.c.key.in_(select(requests.c.key).where(requests.c.generation == APART, *of_version))
    n_deleted = connection.execute(delete(samples).where(of_apart, *of_sample)).rowcount
    one = and_(samples.c.key == bindparam("of_key"), samples.c.sample_index == bindparam("of_index"))
    several = select(requests.c.fingerprint).where(requests.c.generation != APART, *of_version)
    several = several.group_by(requests.c.fingerprint).having(func.count(requests.c.generation.distinct()) > 1)
    for fingerprint in connection.execute(several).scalars().all():
        for some in chunks(_chains(connection, fingerprint)):
            doomed = [{"of_key": key, "of_index": index} for key, index in _replaced(connection, some, of_sample)]
            if doomed:
                connection.execute(delete(samples).where(one), doomed)
            n_deleted += len(doomed)
    return n_deleted


def _chains(connection: Connection, fingerprint: str) -> Iterable[list[bytes]]:
    """For each question that was drawn in more than one generation its keys, the newest first."""
    query = select(requests.c.key).where(requests.c.fingerprint == fingerprint, requests.c.generation != APART)
    keys: dict[bytes, list[bytes]] = {}
    for key in connection.execute(query.order_by(requests.c.generation.desc())).scalars():
        keys.setdefault(stem_of(key), []).append(key)
    return [chain for chain in keys.values() if len(chain) > 1]


def _replaced(
    connection: Connection, chains: Sequence[list[bytes]], of_sample: Conditions
) -> Iterator[tuple[bytes, int]]:
    """Key and index of the samples that a newer key of their chain has as well, as far as they meet the conditions."""
    meets = and_(True, *of_sample).label("meets")
    query = select(samples.c.key, samples.c.sample_index, meets)
    indices: dict[bytes, dict[int, bool]] = {}
    for some in chunks(key for chain in chains for key in chain):
        for key, index, is_meant in connection.execute(query.where(samples.c.key.in_(some))):
            indices.setdefault(key, {})[index] = bool(is_meant)
    for chain in chains:
        newer: set[int] = set()
        for key in chain:
            of_key = indices.get(key, {})
            yield from ((key, index) for index, is_meant in of_key.items() if is_meant and index in newer)
            newer |= of_key.keys()
