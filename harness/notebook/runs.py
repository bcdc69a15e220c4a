"""A stored run for a script: its report, and its cases, samples and labels as data frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import SettingsError, StoreError, UsageError
from harness.gate.history.runs import LATEST, find_version, stored_report
from harness.notebook.weighing import Weighing
from harness.records import CaseResult, Report
from harness.records.report_json import FILE_NAME, read_report
from harness.reporting.samples_table import columns_of, rows_of_run
from harness.review.labels import PersonsLabel, labels_of_run
from harness.store import RunInfo, Store, store_url
from harness.store.location import settings_with_store, without_password

if TYPE_CHECKING:
    import pandas


class LoadedRun:
    """A stored run.

    Data frames need pandas, and are made when they are first asked for.

    Attributes:
        id: of the run.
        report: all of its verdicts.
        store: where its scores and answers are; a path or a URL.
    """

    def __init__(self, report: Report, store: str) -> None:
        self.id = report.run_id
        self.report = report
        self.store = store

    @cached_property
    def cases(self) -> pandas.DataFrame:
        """A row for each case of each evaluation and metric, as the verdict had it: `evaluation_id`, `metric`,
        `case_id`, `n` (samples), `candidate`, `baseline`, `difference`, `state` and what else the report knows of it.
        """
        own = [field.name for field in dataclasses.fields(CaseResult) if field.name != "id"]
        rows = [
            {
                "evaluation_id": entry.id,
                "metric": entry.metric,
                "case_id": case.id,
                **{name: getattr(case, name) for name in own},
                "difference": _difference(case),
            }
            for entry in self.report.evaluations
            for case in entry.cases
        ]
        first = ["evaluation_id", "metric", "case_id", "n", "candidate", "baseline", "difference"]
        return _frame(rows, list(dict.fromkeys([*first, *own])))

    @cached_property
    def samples(self) -> pandas.DataFrame:
        """A row for each score of each sample, with its answer: the columns of `samples.csv`."""
        with open_place(self.store) as store:
            run = self._stored(store)
            return _frame([row for row, _ in rows_of_run(store, run, self.report)], columns_of(self.report))

    @cached_property
    def labels(self) -> pandas.DataFrame:
        """A row for each label that people gave one of its answers and that is in force."""
        batches = [entry.review.batch for entry in self.report.evaluations if entry.review is not None]
        with open_place(self.store) as store:
            self._stored(store)
            rows = [dataclasses.asdict(label) for label in labels_of_run(store, self.id, batches)]
        return _frame(rows, [field.name for field in dataclasses.fields(PersonsLabel)])

    def _stored(self, store: Store) -> RunInfo:
        stored = next((run for run in store.runs() if run.run_id == self.id), None)
        if stored is None:
            raise SettingsError(
                f"The store {without_password(store.url)} does not hold the run {self.id}, of which there is the "
                'report alone. Name the store that does: load_run(…, store="…").'
            )
        return stored

    def __str__(self) -> str:
        return str(self._shown)

    def __repr__(self) -> str:
        return f"<LoadedRun {self.id}: {self.report.verdict}>"

    def _repr_html_(self) -> str:
        return self._shown._repr_html_()

    @property
    def _shown(self) -> Weighing:
        return Weighing(self.report, (f"run {self.id}, made {self.report.created}",))


def load_run(run: str | Path = LATEST, *, store: str | Path | None = None) -> LoadedRun:
    """Load a run from the store that the settings of this folder name, as the commands do.

    Args:
        run: the id of a run or its beginning, `latest` (refused where the newest of all has no verdicts), the name of a
            version for the newest run that weighed it; or the path of a report.json, or of the folder that has one.
        store: a path or a URL, for the one of the settings.

    Raises:
        UsageError: there is no such run, or it did not come to its end.
        StoreError: there is no such store, or it can't be read.
    """
    place = place_of(store)
    path = Path(run)
    if isinstance(run, Path) or path.is_file() or (path / FILE_NAME).is_file():
        return LoadedRun(read_report(path), place)
    with open_place(place) as opened:
        run_id = find_version(opened.runs(), run).run.run_id
        return LoadedRun(stored_report(opened, run_id), place)


def open_place(store: str | Path | None) -> Store:
    """The store at a place, or the one of the settings, to be read; messages name `store=` for the option."""
    try:
        return Store.open(place_of(store), readonly=True)
    except StoreError as error:
        raise StoreError(str(error).replace("--store", "store=")) from None


def place_of(store: str | Path | None) -> str:
    """The URL or the whole path of a store; of the one of the settings where none is given."""
    return store_url(settings_with_store(None if store is None else str(store)))


def _difference(case: CaseResult) -> float | None:
    return None if case.candidate is None or case.baseline is None else case.candidate - case.baseline


def _frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise UsageError("Data frames need pandas, which is not installed here: pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(columns))
