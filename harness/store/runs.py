"""Runs, their scores and reports: scores a row each, or by the set as arrays, for those who weigh whole runs."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, and_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from harness.errors import StoreError
from harness.records import Request, Role, ScoreRow, ScoringRule
from harness.store.database import BUSY_S, Database
from harness.store.samples import chunks
from harness.store.schema import codec
from harness.store.schema.tables import requests, runs, score_sets, scores
from harness.store.summaries import RunInfo, ScoreArray, ScoreSet

_OUTCOMES: tuple[Literal["scored", "skipped", "error"], ...] = ("scored", "skipped", "error")
_OUTCOME_CODES: dict[str, int] = {name: code for code, name in enumerate(_OUTCOMES)}
_STREAM = 2000
_COLUMNS = tuple(
    scores.c[name] for name in ("case_id", "sample_index", "value", "outcome", "reason", "sample_key", "judged_by")
)
_OF_SET = ("evaluation_id", "metric", "role", "fingerprint")
SetKey = tuple[str, str, Role, str]


class RunTables:
    """What runs scored, and what they came to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_run(self, run_id: str, created: str, spec: Mapping[str, Any]) -> None:
        """Record that a run begins.

        Args:
            run_id: from `new_run_id`.
            created: when, in ISO 8601.
            spec: what is run, as JSON takes it; `candidate` and `baseline` with `name` and `fingerprint`, and a list
                `judges` of such, give versions their names in `info`.

        Raises:
            StoreError: there is a run of this identity.
        """
        row = {"run_id": run_id, "created": created, "begun": time.time(), "spec": codec.dumps(spec)}
        try:
            with self._database.write() as connection:
                connection.execute(runs.insert(), row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise StoreError(f"The store {self._database.url} already holds a run {run_id!r}.") from None
            raise

    def finish_run(self, run_id: str, report: Mapping[str, Any]) -> None:
        """Store the report of a run that is complete. A report that is there already stays as it is."""
        told = {"verdict": report.get("verdict"), "exit_code": report.get("exit_code"), "report": codec.dumps(report)}
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id, runs.c.report.is_(None)).values(told))

    def runs(self) -> list[RunInfo]:
        """All runs, the oldest first."""
        columns = (
            runs.c.run_id,
            runs.c.created,
            runs.c.spec,
            runs.c.report.is_not(None),
            runs.c.verdict,
            runs.c.exit_code,
        )
        query = select(*columns).order_by(runs.c.begun, runs.c.run_id)
        with self._database.read() as connection:
            return [
                RunInfo(run_id, created, json.loads(spec), bool(done), verdict, exit_code)
                for run_id, created, spec, done, verdict, exit_code in connection.execute(query)
            ]

    def report(self, run_id: str) -> Mapping[str, Any] | None:
        """The report of a run, or None while there is none."""
        with self._database.read() as connection:
            text = connection.scalar(select(runs.c.report).where(runs.c.run_id == run_id))
        return None if text is None else dict(json.loads(text))

    def add_scores(self, run_id: str, rows: Sequence[ScoreRow], wait_s: float = BUSY_S) -> int:
        """Store scores of a run in one transaction. A score that is there already stays as it is.

        Returns how many were not.
        """
        if not rows:
            return 0
        with self._database.write(wait_s) as connection:
            ids: dict[SetKey, int] = {}
            values = []
            for row in rows:
                key = (row.evaluation_id, row.metric, row.role, row.fingerprint)
                if key not in ids:
                    ids[key] = self._set_id(connection, run_id, key)
                values.append(
                    {
                        "set_id": ids[key],
                        "case_id": row.case_id,
                        "sample_index": row.sample_index,
                        "value": row.value,
                        "outcome": _OUTCOME_CODES[row.outcome],
                        "reason": row.reason,
                        "sample_key": row.sample_key,
                        "judged_by": None if row.judged_by is None else str(row.judged_by),
                    }
                )
            counted = {"preserve_rowcount": True}
            return connection.execute(self._database.insert(scores), values, execution_options=counted).rowcount

    def _set_id(self, connection: Connection, run_id: str, key: SetKey) -> int:
        row = {"run_id": run_id, **dict(zip(_OF_SET, key, strict=True))}
        connection.execute(self._database.insert(score_sets), row)
        query = select(score_sets.c.id).where(and_(*(score_sets.c[name] == value for name, value in row.items())))
        return int(connection.execute(query).scalar_one())

    def scores(self, run_id: str) -> Iterator[ScoreRow]:
        """The scores of a run, streamed: evaluations as they were first scored, in them by case and sample."""
        query = select(*_COLUMNS).order_by(scores.c.case_id, scores.c.sample_index)
        with self._database.read() as connection:
            for entry in _sets(connection, run_id):
                of_set = query.where(scores.c.set_id == entry.id)
                with connection.execute(of_set, execution_options={"yield_per": _STREAM}) as rows:
                    yield from (_score_row(entry, row) for row in rows)

    def score_sets(self, run_id: str) -> list[ScoreSet]:
        """List what a run scored, as it was first scored; `score_array` gives the scores of one."""
        with self._database.read() as connection:
            return _sets(connection, run_id)

    def score_array(self, score_set: ScoreSet) -> ScoreArray:
        """The scores of a set as an array: a million take a second or two, and little more memory than the array."""
        import numpy as np

        rows, columns, values = array("q"), array("q"), array("d")
        places: dict[bytes, int] = {}  # ids stay bytes until they are known to differ: rows are far more than cases
        own = scores.c.set_id == score_set.id
        case_id = type_coerce(scores.c.case_id, LargeBinary)
        scored = select(case_id, scores.c.sample_index, scores.c.value).where(
            own, scores.c.outcome == _OUTCOME_CODES["scored"]
        )
        skipped = select(scores.c.case_id).where(own, scores.c.outcome == _OUTCOME_CODES["skipped"]).distinct()
        with self._database.read() as connection:
            with connection.execute(scored, execution_options={"yield_per": _STREAM}) as found:
                for case, index, value in found:
                    rows.append(places.setdefault(case, len(places)))
                    columns.append(index)
                    values.append(value)
            left_out = frozenset(connection.scalars(skipped))
        place = np.frombuffer(columns, np.int64)
        table = np.full((len(places), int(place.max(initial=-1)) + 1), np.nan)
        table[np.frombuffer(rows, np.int64), place] = np.frombuffer(values)
        return ScoreArray(tuple(each.decode("utf-8", "surrogatepass") for each in places), table, left_out)

    def cases_of(self, score_set: ScoreSet) -> list[str]:
        """The cases of a set, skipped and broken ones included, sorted."""
        query = select(scores.c.case_id).where(scores.c.set_id == score_set.id).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def scores_of(self, score_set: ScoreSet, case_ids: Iterable[str]) -> list[ScoreRow]:
        """The scores of some cases of a set, whole, by case and sample."""
        query = select(*_COLUMNS).where(scores.c.set_id == score_set.id)
        query = query.order_by(scores.c.case_id, scores.c.sample_index)
        with self._database.read() as connection:
            return [
                _score_row(score_set, row)
                for some in chunks(sorted(set(case_ids)))
                for row in connection.execute(query.where(scores.c.case_id.in_(some)))
            ]

    def judged_by(self, sets: Collection[ScoreSet]) -> frozenset[ScoringRule]:
        """By whom and by what rules the scores of these sets were given, as far as judges gave them."""
        query = select(scores.c.judged_by).where(scores.c.set_id.in_([each.id for each in sets])).distinct()
        with self._database.read() as connection:
            return frozenset(ScoringRule.parse(text) for text in connection.scalars(query) if text is not None)

    def differing_requests(
        self, ours: Collection[ScoreSet], theirs: Collection[ScoreSet]
    ) -> Iterator[tuple[str, Request, Request]]:
        """The cases of which the first sample of ours and of theirs answer different requests, with both requests.

        Give all sets of one evaluation and role on either side. Cases whose samples are no longer stored are left out.
        """
        one, other = scores.alias("one"), scores.alias("other")
        asked, others = requests.alias("asked"), requests.alias("others")
        query: Select[Any] = (
            select(one.c.case_id, asked.c.request, others.c.request)
            .join_from(one, other, and_(one.c.case_id == other.c.case_id, one.c.sample_key != other.c.sample_key))
            .join(asked, asked.c.key == one.c.sample_key)
            .join(others, others.c.key == other.c.sample_key)
            .where(_first_of(one, ours), _first_of(other, theirs), asked.c.request != others.c.request)
        )
        seen: set[str] = set()  # metrics of one body share its request
        options = {"yield_per": _STREAM}
        with self._database.read() as connection, connection.execute(query, execution_options=options) as found:
            for case_id, mine, another in found:
                if case_id not in seen:
                    seen.add(case_id)
                    yield case_id, codec.stored_request(mine), codec.stored_request(another)


def _first_of(table: Any, sets: Collection[ScoreSet]) -> ColumnElement[bool]:
    return and_(table.c.set_id.in_([each.id for each in sets]), table.c.sample_index == 0)


def _sets(connection: Connection, run_id: str) -> list[ScoreSet]:
    query = select(score_sets.c.id, *(score_sets.c[name] for name in _OF_SET)).where(score_sets.c.run_id == run_id)
    return [ScoreSet(*row) for row in connection.execute(query.order_by(score_sets.c.id))]


def _score_row(of_set: ScoreSet, row: Any) -> ScoreRow:
    case_id, index, value, outcome, reason, key, judged_by = row
    judge = None if judged_by is None else ScoringRule.parse(judged_by)
    own = of_set.evaluation_id, of_set.metric, of_set.role, of_set.fingerprint
    return ScoreRow(*own, case_id, index, value, _OUTCOMES[outcome], reason, key, judge)
