"""Runs, their scores and reports: scores a row each, or by the set as arrays, for those who weigh whole runs."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, get_args

from sqlalchemy import LargeBinary, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from harness.config.environment import is_open
from harness.errors import StoreError
from harness.records import Outcome, Request, ScoreRow, ScoringRule
from harness.store.database import BUSY_S, Database
from harness.store.samples import SampleTables, chunks
from harness.store.schema import dumps, meta, runs, score_sets, scores, stored_shown
from harness.store.summaries import RunInfo, ScoreArray, ScoreSet

_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_FAILED, _SKIPPED = _OUTCOMES.index("failed"), _OUTCOMES.index("skipped")
_PAGE = 2000
LOOKED_AT = "looked at "
"""What the name of a note begins with that what a run sealed was opened; the run's id follows."""
_STREAM = {"yield_per": _PAGE}
_OF_SET = ("evaluation_id", "metric", "role", "fingerprint")
_OF_SCORE = ("case_id", "sample_index", "value", "outcome", "reason", "sample_key", "judged_by", "shown", "assertion")
_SCORES = select(scores.c.set_id, *(scores.c[name] for name in _OF_SCORE)).order_by(
    scores.c.case_id, scores.c.sample_index
)


class RunTables(SampleTables):
    """What runs scored, and what they came to."""

    _address = ""
    """Where a store that is open for reading is opened for writing."""

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
        row = {"run_id": run_id, "created": created, "begun": time.time(), "spec": dumps(spec)}
        try:
            with self._database.write() as connection:
                connection.execute(runs.insert(), row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise StoreError(f"The store {self._database.url} already holds a run {run_id!r}.") from None
            raise

    def finish_run(self, run_id: str, report: Mapping[str, Any]) -> None:
        """Store the report of a run that is complete. A report that is there already stays as it is."""
        ended = {"verdict": report.get("verdict"), "exit_code": report.get("exit_code"), "report": dumps(report)}
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id, runs.c.report.is_(None)).values(ended))

    def runs(self) -> list[RunInfo]:
        """All runs, the oldest first."""
        is_done = runs.c.report.is_not(None)
        query = select(runs.c.run_id, runs.c.created, runs.c.spec, is_done, runs.c.verdict, runs.c.exit_code)
        rows = self._database.rows(query.order_by(runs.c.begun, runs.c.run_id))
        return [RunInfo(run, created, json.loads(spec), bool(done), *end) for run, created, spec, done, *end in rows]

    def gates(self) -> list[RunInfo]:
        """The runs that decided something, or were to, the oldest first."""
        return [run for run in self.runs() if run.is_gate]

    def report(self, run_id: str) -> Mapping[str, Any] | None:
        """The report of a run, or None while there is none."""
        for text in self._database.values(select(runs.c.report).where(runs.c.run_id == run_id)):
            return None if text is None else dict(json.loads(text))
        return None

    def add_scores(self, run_id: str, rows: Sequence[ScoreRow], wait_s: float = BUSY_S) -> int:
        """Store scores of a run in one transaction, but for those that are there already; gives how many were not."""
        if not rows:
            return 0
        of_set = [tuple(getattr(row, name) for name in _OF_SET) for row in rows]
        with self._database.write(wait_s):
            ids = self._set_ids(run_id, dict.fromkeys(of_set))
            values = [
                {name: getattr(row, name) for name in _OF_SCORE}
                | {
                    "outcome": _OUTCOMES.index(row.outcome),
                    "judged_by": None if row.judged_by is None else str(row.judged_by),
                    "shown": None if row.shown is None else dumps(asdict(row.shown)),
                    "set_id": ids[own],
                }
                for row, own in zip(rows, of_set, strict=True)
            ]
            return int(self._database.add(scores, values))

    def _set_ids(self, run_id: str, wanted: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
        """The ids of sets of scores, which are made where there are none."""
        made = [{"run_id": run_id, **dict(zip(_OF_SET, own, strict=True))} for own in wanted]
        self._database.add(score_sets, made)
        return {tuple(getattr(each, name) for name in _OF_SET): each.id for each in self._all_score_sets(run_id)}

    def set_id(self, row: Mapping[str, Any]) -> int:
        """The id of a set of scores, which is made where there is none."""
        own = tuple(row[name] for name in _OF_SET)
        return self._set_ids(row["run_id"], [own])[own]

    def scores(self, run_id: str) -> Iterator[ScoreRow]:
        """The scores of a run, streamed: evaluations as they were first scored, in them by case and sample."""
        for each in self.score_sets(run_id):
            yield from self.scores_of([each])

    def score_sets(self, run_id: str) -> list[ScoreSet]:
        """List what a run scored, as it was first scored; `score_array` gives the scores of one.

        All that reads scores and answers of a run goes by this list. Without the key it has no sealed evaluation; with
        it, that they were looked at is noted.

        Raises:
            SettingsError: there is a key, and it is another.
        """
        hidden = self.closed(run_id)
        return [each for each in self._all_score_sets(run_id) if each.evaluation_id not in hidden]

    def closed(self, run_id: str) -> frozenset[str]:
        """The evaluations that a run sealed and that no key opens now; where one does, that is noted.

        Raises:
            SettingsError: there is a key, and it is another.
        """
        specs = self._database.values(select(runs.c.spec).where(runs.c.run_id == run_id))
        sealed = next((json.loads(spec).get("sealed") for spec in specs), None) or {}
        if sealed and is_open(sealed.get("seal")):
            self.note_looked_at(run_id)
            return frozenset()
        return frozenset(sealed.get("evaluations", ()))

    def note_looked_at(self, run_id: str) -> None:
        """Note that what a run sealed was opened."""
        if run_id in self.looked_at():
            return
        row = {"name": f"{LOOKED_AT}{run_id}", "value": repr(time.time())}
        if not self._database.readonly:
            self._database.add(meta, [row])
            return
        with closing(Database.open(self._address, readonly=False)) as writing:
            writing.add(meta, [row])

    def looked_at(self) -> frozenset[str]:
        """The runs of which what was sealed was opened."""
        names = self._database.values(select(meta.c.name).where(meta.c.name.startswith(LOOKED_AT)))
        return frozenset(name.removeprefix(LOOKED_AT) for name in names)

    def _all_score_sets(self, run_id: str) -> list[ScoreSet]:
        query = select(score_sets.c.id, *(score_sets.c[name] for name in _OF_SET)).filter_by(run_id=run_id)
        return [ScoreSet(*row) for row in self._database.rows(query.order_by(score_sets.c.id))]

    def score_array(self, score_set: ScoreSet) -> ScoreArray:
        """The scores of a set as an array: a million take a second or two, and little more memory than the array."""
        import numpy as np

        rows, columns, values, failed = array("q"), array("q"), array("d"), array("b")
        places: dict[bytes, int] = {}  # ids stay bytes until they are known to differ: rows are far more than cases
        case_id = type_coerce(scores.c.case_id, LargeBinary)
        own = scores.c.set_id == score_set.id
        columns_read = case_id, scores.c.sample_index, scores.c.value, scores.c.outcome
        scored = select(*columns_read).where(own, scores.c.value.is_not(None))
        skipped = select(scores.c.case_id).where(own, scores.c.outcome == _SKIPPED).distinct()
        with self._database.read() as connection:
            with connection.execute(scored, execution_options=_STREAM) as result:
                for case, index, value, outcome in result:
                    rows.append(places.setdefault(case, len(places)))
                    columns.append(index)
                    values.append(value)
                    failed.append(outcome == _FAILED)
            left_out = frozenset(connection.scalars(skipped))
        at = np.frombuffer(rows, np.int64), np.frombuffer(columns, np.int64)
        shape = len(places), int(at[1].max(initial=-1)) + 1
        table, marks = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        marks[at] = np.frombuffer(failed, np.bool_)
        table[at] = np.where(marks[at], np.nan, np.frombuffer(values))
        return ScoreArray(tuple(each.decode("utf-8", "surrogatepass") for each in places), table, marks, left_out)

    def scores_of(self, sets: Collection[ScoreSet], case_ids: Iterable[str] | None = None) -> Iterator[ScoreRow]:
        """The scores of sets, or of some of their cases, streamed: whole, by case and sample."""
        known = {each.id: each for each in sets}
        query = _SCORES.where(scores.c.set_id.in_(known))
        some = [query] if case_ids is None else _of_cases(query, case_ids)
        for page in (page for each in some for page in self._database.pages(each, _PAGE)):
            yield from (_score_row(known[row.set_id], row) for row in page)

    def judged_by(self, sets: Collection[ScoreSet]) -> frozenset[ScoringRule]:
        """By whom and by what rules the scores of these sets were given, as far as judges gave them."""
        query = select(scores.c.judged_by).where(scores.c.set_id.in_([each.id for each in sets])).distinct()
        return frozenset(ScoringRule.parse(text) for text in self._database.values(query) if text is not None)

    def differing_requests(
        self, ours: Collection[ScoreSet], theirs: Collection[ScoreSet]
    ) -> Iterator[tuple[str, Request, Request]]:
        """The cases of which the first sample of ours and of theirs answer different requests, with both requests.

        Give all sets of one evaluation and role on either side. Cases whose samples are no longer stored are left out.
        """
        mine, other = self._first_keys(ours), self._first_keys(theirs)
        asked_anew = (case for case in mine.keys() & other.keys() if mine[case] != other[case])
        for cases in chunks(sorted(asked_anew)):
            asked = self.requests({each[case] for case in cases for each in (mine, other)})
            for case in cases:
                one, another = asked.get(mine[case]), asked.get(other[case])
                if one is not None and another is not None and one != another:
                    yield case, one, another

    def _first_keys(self, sets: Collection[ScoreSet]) -> dict[str, bytes]:
        first = scores.c.sample_index == 0, scores.c.sample_key.is_not(None)
        query = select(scores.c.case_id, scores.c.sample_key).where(scores.c.set_id.in_([each.id for each in sets]))
        return dict(map(tuple, self._database.rows(query.where(*first))))


def _of_cases(query: Any, case_ids: Iterable[str]) -> list[Any]:
    return [query.where(scores.c.case_id.in_(some)) for some in chunks(sorted(set(case_ids)))]


def _score_row(of_set: ScoreSet, row: Any) -> ScoreRow:
    _, case_id, index, value, outcome, reason, key, judged_by, shown, assertion = row
    judge = None if judged_by is None else ScoringRule.parse(judged_by)
    own = of_set.evaluation_id, of_set.metric, of_set.role, of_set.fingerprint
    context = judge, shown and stored_shown(shown), assertion
    return ScoreRow(*own, case_id, index, value, _OUTCOMES[outcome], reason, key, *context)
