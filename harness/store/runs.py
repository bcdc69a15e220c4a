"""Runs, their scores and reports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, select
from sqlalchemy.exc import IntegrityError

from harness.errors import StoreError
from harness.records import Role, ScoreRow, ScoringRule
from harness.store.database import Database
from harness.store.schema import codec
from harness.store.schema.tables import reports, runs, score_sets, scores
from harness.store.summaries import RunInfo

Outcome = Literal["scored", "skipped", "error"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_OUTCOME_CODES = {name: code for code, name in enumerate(OUTCOMES)}
_STREAM = 2000
SCORE_COLUMNS = tuple(
    scores.c[name] for name in ("case_id", "sample_index", "value", "outcome", "reason", "sample_key", "judged_by")
)
"""Columns that `score_row` reads of the scores of a set."""

SetKey = tuple[str, str, str, str]


def begin_run(database: Database, run_id: str, created: str, spec: Mapping[str, Any]) -> None:
    """See `Store.begin_run`."""
    row = {"run_id": run_id, "created": created, "begun": time.time(), "spec": codec.dumps(spec)}
    try:
        with database.write() as connection:
            connection.execute(runs.insert(), row)
    except StoreError as error:
        if isinstance(error.__cause__, IntegrityError):
            raise StoreError(f"The store {database.url} already holds a run {run_id!r}.") from None
        raise


def finish_run(database: Database, run_id: str, report: Mapping[str, Any]) -> None:
    """See `Store.finish_run`."""
    row = {
        "run_id": run_id,
        "verdict": report.get("verdict"),
        "exit_code": report.get("exit_code"),
        "report": codec.dumps(report),
    }
    with database.write() as connection:
        connection.execute(database.insert(reports), row)


def list_runs(database: Database) -> list[RunInfo]:
    """See `Store.runs`."""
    finished = reports.c.run_id.is_not(None)
    query = (
        select(runs.c.run_id, runs.c.created, runs.c.spec, finished, reports.c.verdict, reports.c.exit_code)
        .join_from(runs, reports, runs.c.run_id == reports.c.run_id, isouter=True)
        .order_by(runs.c.begun, runs.c.run_id)
    )
    with database.read() as connection:
        return [
            RunInfo(run_id, created, json.loads(spec), bool(done), verdict, exit_code)
            for run_id, created, spec, done, verdict, exit_code in connection.execute(query)
        ]


def report(database: Database, run_id: str) -> Mapping[str, Any] | None:
    """See `Store.report`."""
    with database.read() as connection:
        text = connection.execute(select(reports.c.report).where(reports.c.run_id == run_id)).scalar_one_or_none()
    return None if text is None else dict(json.loads(text))


def add_scores(database: Database, run_id: str, rows: Sequence[ScoreRow]) -> int:
    """See `Store.add_scores`. Gives the number of scores that were not there yet."""
    if not rows:
        return 0
    with database.write() as connection:
        ids: dict[SetKey, int] = {}
        values = []
        for row in rows:
            key = (row.evaluation_id, row.metric, row.role, row.fingerprint)
            if key not in ids:
                ids[key] = _set_id(database, connection, run_id, key)
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
        return connection.execute(database.insert(scores), values, execution_options=counted).rowcount


def _set_id(database: Database, connection: Connection, run_id: str, key: SetKey) -> int:
    names = ("run_id", "evaluation_id", "metric", "role", "fingerprint")
    row = dict(zip(names, (run_id, *key), strict=True))
    query = select(score_sets.c.id).where(and_(*(score_sets.c[name] == value for name, value in row.items())))
    known = connection.execute(query).scalar_one_or_none()
    if known is None:
        connection.execute(database.insert(score_sets), row)
        known = connection.execute(query).scalar_one()
    return int(known)


def stream_scores(database: Database, run_id: str) -> Iterator[ScoreRow]:
    """See `Store.scores`."""
    sets = select(score_sets).where(score_sets.c.run_id == run_id).order_by(score_sets.c.id)
    with database.read() as connection:
        for entry in connection.execute(sets).all():
            query = select(*SCORE_COLUMNS).where(scores.c.set_id == entry.id)
            query = query.order_by(scores.c.case_id, scores.c.sample_index)
            of_set = (entry.evaluation_id, entry.metric, entry.role, entry.fingerprint)
            with connection.execute(query, execution_options={"yield_per": _STREAM}) as rows:
                for row in rows:
                    yield score_row(of_set, row)


def score_row(of_set: tuple[str, str, Role, str], row: Any) -> ScoreRow:
    """The score of a row (`SCORE_COLUMNS`) of a set."""
    case_id, index, value, outcome, reason, key, judged_by = row
    judge = None if judged_by is None else ScoringRule.parse(judged_by)
    return ScoreRow(*of_set, case_id, index, value, OUTCOMES[outcome], reason, key, judge)
