"""The ledger's rows: which looks at a candidate there were, and what each could spend.

Rows are added and never pruned. What changes of one is the order of its cases, which new cases go to the end of; and
where samples that it rests on are removed, it ends.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, delete, false, or_, select, update

from harness.store.database import Database
from harness.store.samples import chunks
from harness.store.schema.tables import looks


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look at an evaluation of a family, or (number 0) that it is of the family.

    Attributes:
        candidate: fingerprint of the version under test.
        against: of what it is weighed against; "" where it is weighed against thresholds alone.
        number: of the look, counted from 1.
        share: of the error rate, that it could spend.
        batch, batch_size: of the evaluations that were first weighed together.
        run_id: the run that looked first.
        begun: when, in epoch seconds.
        bets: what was settled before it, as JSON takes it; empty for the look 0.
    """

    candidate: str
    against: str
    evaluation_id: str
    number: int
    share: float
    batch: int
    batch_size: int
    run_id: str
    bets: Mapping[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.time)


Settle = Callable[[Sequence[LookRow]], Sequence[LookRow]]


class LookStore:
    """The ledger of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, candidate: str, against: str, settle: Settle) -> list[LookRow]:
        """Add the rows that `settle` makes of those of a family, in the place of those of the same number; no other
        process writes meanwhile.

        Returns all rows of the family. In a store that is open for reading nothing is added to it.
        """
        if self._database.readonly:
            known = self.of_family(candidate, against)
            return _replaced(known, settle(known))
        with self._database.write() as connection:
            self._database.lock(connection, looks)
            known = _family(connection, candidate, against)
            added = list(settle(known))
            for row in added:
                connection.execute(delete(looks).where(*(looks.c[name] == getattr(row, name) for name in _KEY)))
                connection.execute(looks.insert(), _plain(row))
        return _replaced(known, added)

    def of_family(self, candidate: str, against: str) -> list[LookRow]:
        """The rows of a candidate and what it is weighed against."""
        with self._database.read() as connection:
            return _family(connection, candidate, against)

    def of_candidate(self, candidate: str) -> list[LookRow]:
        """The rows of a candidate, whatever it is weighed against."""
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(select(looks).where(looks.c.candidate == candidate))]

    def all_rows(self) -> list[LookRow]:
        """Every row, families together."""
        with self._database.read() as connection:
            order = (looks.c.candidate, looks.c.against, looks.c.evaluation_id, looks.c.number)
            return [_row(row) for row in connection.execute(select(looks).order_by(*order))]

    def merge(self, other: LookStore) -> int:
        """Bring in the looks that another store knows; gives how many levels had been handed out in both.

        A look that both have is the same one. Where both looked, each in its own way, what was spent there was spent:
        it is added behind the looks that are here, with the share that it had.
        """
        families: dict[tuple[str, str], list[LookRow]] = {}
        for row in other.all_rows():
            families.setdefault((row.candidate, row.against), []).append(row)
        twice = 0
        for family, theirs in families.items():
            ours = self.of_family(*family)
            self.settle(*family, lambda known, theirs=theirs: _new_here(known, theirs))  # type: ignore[misc]
            added, spent = _new_here(ours, theirs), defaultdict[str, float](float)
            for row in (*ours, *added):
                spent[row.evaluation_id] += row.share if row.number else 0
            twice += sum(row.number > 0 and spent[row.evaluation_id] > 1 for row in added)
        return twice


def end(connection: Connection, fingerprints: Collection[str]) -> int:
    """End the looks that rest on samples of versions of which some are gone, so that none can be gone on with.

    What they spent stays spent; the next look draws all anew. Gives how many there were.
    """
    n_ended = 0
    for some in chunks(fingerprints):
        judged = or_(false(), *(looks.c.bets.contains(f"{each}=", autoescape=True) for each in some))
        of_these = looks.c.candidate.in_(some) | looks.c.against.in_(some) | judged
        ended = json.dumps(ENDED)
        doomed = update(looks).where(of_these, looks.c.number > 0, looks.c.bets != ended)
        n_ended += connection.execute(doomed.values(bets=ended)).rowcount
    return n_ended


ENDED: Mapping[str, Any] = {"ended": "its samples were removed from the store"}
"""The bets of a look whose samples are gone: why, in words."""

_KEY = ("candidate", "against", "evaluation_id", "number")


def _replaced(known: Sequence[LookRow], added: Sequence[LookRow]) -> list[LookRow]:
    rows = {tuple(getattr(row, name) for name in _KEY): row for row in (*known, *added)}
    return list(rows.values())


def _identity(row: LookRow) -> tuple[str, str, str]:
    """Give what identifies a look: its evaluation, its run and its bets, whatever cases came later."""
    settled = {name: value for name, value in row.bets.items() if name not in ("cases", "unpaired")}
    return row.evaluation_id, row.run_id, json.dumps(settled, sort_keys=True) if row.number else ""


def _new_here(ours: Sequence[LookRow], theirs: Sequence[LookRow]) -> list[LookRow]:
    """The rows of another store's family that are new here, renumbered where their numbers are taken."""
    known, members = {_identity(row) for row in ours}, {row.evaluation_id for row in ours}
    taken = {(row.evaluation_id, row.number) for row in ours}
    last = max((row.batch for row in ours), default=0)
    added: list[LookRow] = []
    for row in theirs:
        if _identity(row) in known or (row.number == 0 and row.evaluation_id in members):
            continue
        if row.evaluation_id not in members and ours:  # a batch of its own: those here have spent all of theirs
            row = replace(row, batch=last + row.batch)
        while (row.evaluation_id, row.number) in taken:
            row = replace(row, number=row.number + 1)
        taken.add((row.evaluation_id, row.number))
        added.append(row)
    return added


def _family(connection: Connection, candidate: str, against: str) -> list[LookRow]:
    query = select(looks).where(looks.c.candidate == candidate, looks.c.against == against)
    rows = connection.execute(query.order_by(looks.c.evaluation_id, looks.c.number))
    return [_row(row) for row in rows]


def _row(row: Any) -> LookRow:
    try:
        bets = json.loads(row.bets)
    except ValueError:
        bets = {}  # spent all the same
    return LookRow(**{**row._mapping, "bets": bets if isinstance(bets, dict) else {}})


def _plain(row: LookRow) -> dict[str, Any]:
    return {**asdict(row), "bets": json.dumps(row.bets, sort_keys=True)}
