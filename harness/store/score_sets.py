"""The scores of a run by the set, as arrays: for those who weigh whole runs, of a million scores and more."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, and_, select, type_coerce

from harness.records import Request, ScoreRow, ScoringRule
from harness.store.database import Database
from harness.store.runs import OUTCOMES, SCORE_COLUMNS, score_row
from harness.store.schema import codec
from harness.store.schema.tables import requests, score_sets, scores
from harness.store.summaries import ScoreArray, ScoreSet

_ROWS_AT_ONCE = 1000
_CASES_AT_ONCE = 500
_SCORED, _SKIPPED = OUTCOMES.index("scored"), OUTCOMES.index("skipped")


def list_sets(database: Database, run_id: str) -> list[ScoreSet]:
    """See `Store.score_sets`."""
    columns = (score_sets.c[name] for name in ("id", "evaluation_id", "metric", "role", "fingerprint"))
    query = select(*columns).where(score_sets.c.run_id == run_id).order_by(score_sets.c.id)
    with database.read() as connection:
        return [ScoreSet(*row) for row in connection.execute(query)]


def read_array(database: Database, score_set: ScoreSet) -> ScoreArray:
    """See `Store.score_array`. Ids stay bytes until they are known to differ: there are far more rows than cases."""
    import numpy as np

    rows, columns, values = array("q"), array("q"), array("d")
    places: dict[bytes, int] = {}
    own = scores.c.set_id == score_set.id
    case_id = type_coerce(scores.c.case_id, LargeBinary)
    scored = select(case_id, scores.c.sample_index, scores.c.value).where(own, scores.c.outcome == _SCORED)
    skipped = select(scores.c.case_id).where(own, scores.c.outcome == _SKIPPED).distinct()
    with database.read() as connection:
        with connection.execute(scored, execution_options={"yield_per": _ROWS_AT_ONCE}) as found:
            for case, index, value in found:
                rows.append(places.setdefault(case, len(places)))
                columns.append(index)
                values.append(value)
        left_out = frozenset(connection.execute(skipped).scalars())
    place = np.frombuffer(columns, np.int64)
    table = np.full((len(places), int(place.max(initial=-1)) + 1), np.nan)
    table[np.frombuffer(rows, np.int64), place] = np.frombuffer(values)
    return ScoreArray(tuple(each.decode("utf-8", "surrogatepass") for each in places), table, left_out)


def case_ids(database: Database, score_set: ScoreSet) -> list[str]:
    """See `Store.cases_of`."""
    query = select(scores.c.case_id).where(scores.c.set_id == score_set.id).distinct()
    with database.read() as connection:
        return sorted(connection.execute(query).scalars())


def rows_of_cases(database: Database, score_set: ScoreSet, case_ids: Iterable[str]) -> list[ScoreRow]:
    """See `Store.scores_of`."""
    query = select(*SCORE_COLUMNS)
    query = query.order_by(scores.c.case_id, scores.c.sample_index)
    of_set = (score_set.evaluation_id, score_set.metric, score_set.role, score_set.fingerprint)
    wanted = sorted(set(case_ids))
    found = []
    with database.read() as connection:
        for start in range(0, len(wanted), _CASES_AT_ONCE):
            chosen = scores.c.case_id.in_(wanted[start : start + _CASES_AT_ONCE])
            rows = connection.execute(query.where(scores.c.set_id == score_set.id, chosen))
            found += [score_row(of_set, row) for row in rows]
    return found


def judged_by(database: Database, sets: Collection[ScoreSet]) -> frozenset[ScoringRule]:
    """See `Store.judged_by`."""
    query = select(scores.c.judged_by).where(scores.c.set_id.in_([each.id for each in sets])).distinct()
    with database.read() as connection:
        found = connection.execute(query).scalars().all()
    return frozenset(ScoringRule.parse(text) for text in found if text is not None)


def differing_requests(
    database: Database, ours: Collection[ScoreSet], theirs: Collection[ScoreSet]
) -> Iterator[tuple[str, Request, Request]]:
    """See `Store.differing_requests`. Metrics of one body share its request, so that a case comes up more than once."""
    one, other = scores.alias("one"), scores.alias("other")
    asked, others = requests.alias("asked"), requests.alias("others")
    query: Select[Any] = (
        select(one.c.case_id, asked.c.request, others.c.request)
        .join_from(one, other, and_(one.c.case_id == other.c.case_id, one.c.sample_key != other.c.sample_key))
        .join(asked, asked.c.key == one.c.sample_key)
        .join(others, others.c.key == other.c.sample_key)
        .where(_first_of(one, ours), _first_of(other, theirs), asked.c.request != others.c.request)
    )
    options = {"yield_per": _CASES_AT_ONCE}
    seen: set[str] = set()
    with database.read() as connection, connection.execute(query, execution_options=options) as found:
        for case_id, mine, another in found:
            if case_id not in seen:
                seen.add(case_id)
                yield case_id, codec.stored_request(mine), codec.stored_request(another)


def _first_of(table: Any, sets: Collection[ScoreSet]) -> ColumnElement[bool]:
    return and_(table.c.set_id.in_([each.id for each in sets]), table.c.sample_index == 0)
