"""The ledger's rows: which questions were asked of a candidate, and what each could spend.

Rows are added and never pruned. What changes of one is the order of its cases, which new cases go to the end of; and
that samples which it rests on were removed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, or_, select, update

from harness.store.samples import StoreTables, chunks
from harness.store.schema import looks


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look at an evaluation of a family, or (number 0) that it is of the family.

    Attributes:
        candidate: fingerprint of the version under test.
        against: of what it is weighed against; "" where it is weighed against thresholds alone.
        share: of the error rate, that it could spend.
        batch, batch_size: of the evaluations that were first weighed together.
        run_id: the run that looked first.
        digest: of what it asks, which `question` is as JSON; "" for the look 0.
        because: why it is not the look before.
        pruned: whether samples that it rests on were removed since.
        begun: when, in epoch seconds.
    """

    candidate: str
    against: str
    evaluation_id: str
    number: int
    share: float
    batch: int
    batch_size: int
    run_id: str
    digest: str = ""
    question: str = ""
    because: str = ""
    pruned: bool = False
    begun: float = field(default_factory=time.time)


Settle = Callable[[Sequence[LookRow]], Sequence[LookRow]]
_KEY = ("candidate", "against", "evaluation_id", "number")
_LOOKED_FOR = 5


class LookStore(StoreTables):
    """The ledger of a store."""

    def settle(self, candidate: str, settle: Settle) -> None:
        """Add the rows that `settle` makes of those of a candidate, in the place of those of the same number; no other
        process writes meanwhile. To a store that is open for reading nothing is added.
        """
        if self._database.readonly:
            settle(self.of_candidate(candidate))
            return
        with self._database.write() as connection:
            self._database.lock(connection, looks)
            if rows := [asdict(row) for row in settle(self.of_candidate(candidate))]:
                its_key = (looks.c[name] == bindparam(f"its_{name}") for name in _KEY)
                keys = [{f"its_{name}": row[name] for name in _KEY} for row in rows]
                connection.execute(delete(looks).where(*its_key), keys)
                connection.execute(looks.insert(), rows)

    def of_candidate(self, candidate: str) -> list[LookRow]:
        """The rows of a candidate, whatever it is weighed against."""
        query = select(looks).where(looks.c.candidate == candidate)
        rows = self._database.rows(query.order_by(looks.c.against, looks.c.evaluation_id, looks.c.number))
        return [LookRow(**row._mapping) for row in rows]

    def of_evaluations(self, names: Collection[str]) -> list[LookRow]:
        """The rows of evaluations, whichever candidate they are of."""
        some = chunks(sorted(names))
        rows = (row for own in some for row in self._database.rows(select(looks).where(looks.c.evaluation_id.in_(own))))
        return [LookRow(**row._mapping) for row in rows]

    def count_candidates(self, evaluation_id: str, cases: Sequence[str]) -> int:
        """Count the candidates that an evaluation weighed on these cases, by the digests of a few of them."""
        if not cases:
            return 0
        some = cases[:: max(1, len(cases) // _LOOKED_FOR)][:_LOOKED_FOR]
        has_any = or_(*(looks.c.question.contains(f'"{each}"') for each in some))
        own = looks.c.evaluation_id == evaluation_id, looks.c.number > 0
        (number,) = self._database.values(select(func.count(looks.c.candidate.distinct())).where(*own, has_any))
        return int(number)

    def merge(self, theirs: Sequence[LookRow]) -> int:
        """Bring in the looks of another store at a candidate; gives how many levels had been handed out in both.

        A look that both have is the same one. Where both looked, each in its own way, what was spent there was spent:
        it is added behind the looks that are here, with the share that it had.
        """
        spent = defaultdict[tuple[str, str], float](float)
        added: list[LookRow] = []

        def settle(ours: Sequence[LookRow]) -> Sequence[LookRow]:
            added.extend(_new_here(ours, theirs))
            for row in (*ours, *added):
                spent[row.against, row.evaluation_id] += row.share
            return added

        self.settle(theirs[0].candidate, settle)
        return sum(row.number > 0 and spent[row.against, row.evaluation_id] > 1 for row in added)


def note_pruned(connection: Connection, fingerprints: Collection[str]) -> int:
    """Note of the looks that rest on samples of these versions that some are gone. Gives how many there were."""
    marks = (update(looks).where(_rests_on(some)).values(pruned=True) for some in chunks(fingerprints))
    return sum(connection.execute(each).rowcount for each in marks)


def resting_on(connection: Connection, fingerprints: Collection[str]) -> int:
    """Count the looks that `note_pruned` would note."""
    rows = (connection.execute(select(looks).where(_rests_on(some))) for some in chunks(fingerprints))
    return len({tuple(row) for chunk in rows for row in chunk})


def _rests_on(fingerprints: Collection[str]) -> ColumnElement[bool]:
    judged = (looks.c.question.contains(f'"{each}"', autoescape=True) for each in fingerprints)
    of_these = or_(looks.c.candidate.in_(fingerprints), looks.c.against.in_(fingerprints), *judged)
    return and_(of_these, looks.c.number > 0, looks.c.pruned.is_(False))


def _new_here(ours: Sequence[LookRow], theirs: Sequence[LookRow]) -> list[LookRow]:
    """The rows of another store's candidate that are new here, renumbered where their numbers are taken."""
    known = {(row.against, row.evaluation_id, row.run_id, row.digest) for row in ours}
    members = {(row.against, row.evaluation_id) for row in ours}
    numbers = {(row.against, row.evaluation_id, row.number) for row in ours}
    added: list[LookRow] = []
    for row in theirs:
        own = row.against, row.evaluation_id
        if (*own, row.run_id, row.digest) in known or (row.number == 0 and own in members):
            continue
        if own not in members:  # a batch of its own: those here have spent all of theirs
            last = max((each.batch for each in ours if each.against == row.against), default=0)
            row = replace(row, batch=last + row.batch)
        while (*own, row.number) in numbers:
            row = replace(row, number=row.number + 1)
        numbers.add((*own, row.number))
        added.append(row)
    return added
