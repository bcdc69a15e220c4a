"""MLflow as a tracker: logs the gate, and then promotes its candidate where that is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.models.mlflow.process import require_mlflow
from harness.records.report_json import to_json
from harness.reporting.shared.names import display_names
from harness.reporting.writing import OF_A_GATE, find_format, write_reports
from harness.store import RunInfo, Store
from harness.tracking.gates import GATE_DEADLINE_S, File, Logged, gate_of, log_gate
from harness.tracking.promotion import check_promotion, promote
from harness.tracking.tracker import Told, TrackedGate


class MlflowTracker:
    """Logs to the MLflow of the settings. `options` are what the command line says of it, `promote` among them."""

    def check(self, settings: Settings, options: Mapping[str, Any]) -> None:
        """Refuse what can't be logged or promoted.

        Raises:
            SettingsError: MLflow is not installed, or the candidate can't be promoted.
        """
        if options.get("mlflow") is not None and settings.tracking is not None:
            require_mlflow("--mlflow")
        if options.get("promote") is not None:
            check_promotion(settings, options["promote"])

    def track(self, gate: TrackedGate, told: Told) -> None:
        """Log, and then promote: where gates are logged, nothing is promoted without its record."""
        require_mlflow("Logging")
        settings, alias = gate.settings, gate.options.get("promote")
        with gate.opened() as (store, run):
            if settings.tracking is not None:
                told.lines.append(f"mlflow  {_logged(settings, store, run, gate)}")
        if alias is not None:
            told.step = "promoted"
            document = {**to_json(gate.report), "exit_code": gate.exit_code}  # another plugin may have raised it
            told.lines.append(f"mlflow  {promote(settings, run, document, alias)}")

    def later(self, run_id: str, options: Mapping[str, Any]) -> str:
        """The command that makes up for it. An address with a user or a password is not repeated."""
        command = f"steelyard track {run_id}"
        for option in ("mlflow", "mlflow_experiment", "store", "promote"):
            value = options.get(option)
            if value is not None:
                command += f" --{option.replace('_', '-')} {'URL' if '@' in value else shlex.quote(value)}"
        return command


def _logged(settings: Settings, store: Store, run: RunInfo, gate: TrackedGate) -> Logged:
    document = to_json(gate.report)
    described = gate_of(settings, run, document, display_names(entry["id"] for entry in document["evaluations"]))

    def write_files(folder: Path) -> list[File]:
        (samples,) = write_reports(store, run, gate.report, folder, ["parquet"])
        return [*(File(path, "report") for path in _of_the_report(settings.report_folder)), File(samples)]

    return log_gate(described, store, write_files, GATE_DEADLINE_S)


def _of_the_report(folder: Path) -> list[Path]:
    """What the gate wrote into its report folder; whatever else lies there is the user's."""
    names = [*(find_format(name).file_name for name in OF_A_GATE), "details"]
    return [folder / name for name in names if (folder / name).exists()]


MLFLOW = MlflowTracker()
