"""MLflow at the end of a session: after the verdict, and after the report is in the store, so that neither depends on
it.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import SteelyardError, UsageError
from harness.plugin.collection.items import is_evaluation
from harness.plugin.options import settings_of
from harness.plugin.outcomes import EXIT_INCONCLUSIVE, as_usage

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.plugin.session import GateSession
    from harness.records import Report
    from harness.store import RunInfo, Store
    from harness.tracking.gates import Logged

_DECIDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, EXIT_INCONCLUSIVE)


class TrackingHooks:
    """Logs the gate to MLflow, and promotes its candidate."""

    def __init__(self, session: GateSession) -> None:
        self._gate = session
        self._lines: list[str] = []
        self._step = "logged"
        self._problem = ""

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Called for items that were collected and are left out: counts the evaluations."""
        self._gate.collection.n_deselected += sum(map(is_evaluation, items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called when a file or folder was collected: counts those that were skipped, whatever is in them."""
        self._gate.collection.n_skipped_files += report.skipped

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Called before collection: the first moment to refuse what can't be logged or promoted."""
        if not self._gate.is_worker:
            try:
                _check(session.config)
            except UsageError as error:
                raise pytest.UsageError(*as_usage([str(error)])) from None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Called once at the end: logs the gate when all else is done, before the terminal's summary is written."""
        result = yield
        report = self._gate.outcome.report
        if report is not None and not self._gate.is_worker and not self._gate.outcome.problems:
            try:
                self._track(report, int(session.exitstatus))
            except KeyboardInterrupt:
                self._problem = "interrupted."
            except Exception as error:  # noqa: BLE001  the gate is decided: nothing may go wrong with it any more
                said = str(error) if isinstance(error, SteelyardError) else f"{type(error).__name__}: {error}."
                self._problem = f"{said} The verdict stands, and everything is stored."
            if self._problem:
                self._problem += f" To do it later: {_later(session.config, report.run_id)}"
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Called at the end of the terminal's output: where the gate was logged, or why it was not."""
        for line in self._lines:
            terminalreporter.write_line(line)
        if self._problem:
            terminalreporter.write_line(f"WARNING: mlflow: not {self._step}: {self._problem}", yellow=True)

    def _track(self, report: Report, exit_code: int) -> None:
        """Log, and then promote: where gates are logged, nothing is promoted without its record."""
        settings, alias = self._gate.collection.settings, self._gate.config.getoption("promote")
        if settings.tracking is None and alias is None:
            return
        from harness.gate.history.runs import run_of
        from harness.models.mlflow.process import require_mlflow
        from harness.reporting.report_json import to_json
        from harness.store import Store, store_url
        from harness.tracking.promotion import promote

        if exit_code not in _DECIDED:
            self._lines.append(f"mlflow  not logged: the session did not come to its end (exit code {exit_code})")
            return
        if report.selection is not None and not report.selection.chosen:
            self._lines.append("mlflow  not logged: there was nothing to run")
            return
        require_mlflow("Logging")
        with Store.open(store_url(settings), readonly=True) as store:
            run = run_of(store, report.run_id)
            if settings.tracking is not None:
                self._lines.append(f"mlflow  {_logged(settings, store, run, report)}")
        if alias is not None:
            self._step = "promoted"
            document = {**to_json(report), "exit_code": exit_code}  # another plugin may have raised it since
            self._lines.append(f"mlflow  {promote(settings, run, document, alias)}")


def _check(config: pytest.Config) -> None:
    """Refuse options that ask for what can't be; a plain session pays nothing for it.

    Raises:
        SettingsError: MLflow is not installed, or the candidate can't be promoted.
    """
    address, alias = config.getoption("mlflow"), config.getoption("promote")
    if address is None and alias is None:
        return
    from harness.models.mlflow.process import require_mlflow

    settings = settings_of(config)
    if address is not None and settings.tracking is not None:
        require_mlflow("--mlflow")
    if alias is not None:
        from harness.tracking.promotion import check_promotion

        check_promotion(settings, alias)


def _logged(settings: Settings, store: Store, run: RunInfo, report: Report) -> Logged:
    from harness.reporting.report_json import to_json
    from harness.reporting.shared.names import display_names
    from harness.reporting.writing import write_reports
    from harness.tracking.gates import GATE_DEADLINE_S, File, gate_of, log_gate

    document = to_json(report)
    gate = gate_of(settings, run, document, display_names(entry["id"] for entry in document["evaluations"]))

    def write_files(folder: Path) -> list[File]:
        (samples,) = write_reports(store, run, report, folder, ["parquet"])
        return [*(File(path, "report") for path in _of_the_report(settings.report_folder)), File(samples)]

    return log_gate(gate, store, write_files, GATE_DEADLINE_S)


def _of_the_report(folder: Path) -> list[Path]:
    """What the gate wrote into its report folder; whatever else lies there is the user's."""
    from harness.reporting.writing import FORMATS, OF_A_GATE

    names = [*(FORMATS[name].file_name for name in OF_A_GATE), "details"]
    return [folder / name for name in names if (folder / name).exists()]


def _later(config: pytest.Config, run_id: str) -> str:
    """The command that makes up for it. An address with a user or a password is not repeated."""
    command = f"steelyard track {run_id}"
    for option in ("mlflow", "mlflow_experiment", "store", "promote"):
        value = config.getoption(option)
        if value is not None:
            command += f" --{option.replace('_', '-')} {'URL' if '@' in value else shlex.quote(value)}"
    return command
