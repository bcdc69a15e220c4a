"""MLflow as a tracker: logs a gate or a stored run, and then promotes its candidate where that is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.models.mlflow.process import require_mlflow
from harness.records.report_json import to_json
from harness.reporting.shared.names import display_names
from harness.reporting.writing import OF_A_GATE, find_format, write_reports
from harness.store import RunInfo, Store
from harness.tracking.gates import (
    GATE_DEADLINE_S,
    MOST_TRACES,
    TRACK_DEADLINE_S,
    File,
    LogResult,
    gate_of,
    log_gate,
)
from harness.tracking.promotion import check_alias, check_promotion, promote
from harness.tracking.tracker import TrackedGate, TrackingNotes


class MlflowTracker:
    """Logs to the MLflow of the settings. `options` are what the command line says of it, `promote` among them."""

    def check(self, settings: Settings, options: Mapping[str, Any]) -> None:
        """Refuse what can't be logged or promoted.

        Raises:
            SettingsError: MLflow is not installed, or the candidate can't be promoted.
        """
        is_command = "traces" in options  # `steelyard track`: the candidate is the stored run's
        if is_command or (options.get("mlflow") is not None and settings.tracking is not None):
            require_mlflow("steelyard track" if is_command else "--mlflow")
        alias = options.get("promote")
        if alias is not None and is_command:
            check_alias(alias)
        elif alias is not None:
            check_promotion(settings, alias)

    def track(self, gate: TrackedGate, told: TrackingNotes) -> None:
        """Log, and then promote: where gates are logged, nothing is promoted without its record."""
        require_mlflow("Logging")
        settings, alias = gate.settings, gate.options.get("promote")
        with gate.opened() as (store, run):
            if settings.tracking is not None or gate.is_late:
                _tell(_logged(settings, store, run, gate), gate, told)
        if alias is not None:
            told.step = "promoted"
            document = {**to_json(gate.report), "exit_code": gate.exit_code}  # another plugin may have raised it
            said = promote(settings, run, document, alias)
            told.lines.append(f"mlflow  {said}")
            told.facts["promotion"] = said

    def later(self, run_id: str, options: Mapping[str, Any]) -> str:
        """The command that makes up for it. An address with a user or a password is not repeated."""
        command = f"steelyard track {run_id}"
        for option in ("to", "mlflow", "mlflow_experiment", "store", "promote"):
            value = options.get(option)
            if value is not None:
                command += f" --{option.replace('_', '-')} {'URL' if '@' in value else shlex.quote(value)}"
        return command


def _logged(settings: Settings, store: Store, run: RunInfo, gate: TrackedGate) -> LogResult:
    document = to_json(gate.report)
    described = gate_of(settings, run, document, display_names(entry["id"] for entry in document["evaluations"]))
    described = replace(described, most_traces=gate.options.get("traces", MOST_TRACES))

    def write_files(folder: Path) -> list[File]:
        (samples,) = write_reports(store, run, gate.report, folder, ["parquet"])
        if gate.is_late:
            write_reports(store, run, gate.report, folder / "report", OF_A_GATE)
            return [File(folder / "report"), File(samples)]
        return [*(File(path, "report") for path in _of_the_report(settings.report_folder)), File(samples)]

    return log_gate(described, store, write_files, TRACK_DEADLINE_S if gate.is_late else GATE_DEADLINE_S)


def _tell(logged: LogResult, gate: TrackedGate, told: TrackingNotes) -> None:
    left_out = f", {logged.n_left_out:,} failures without" if logged.n_left_out else ""
    traces = f" ({logged.n_traces:,} traces{left_out})" if gate.is_late else ""
    told.lines.append(f"mlflow  {logged}{traces}")
    told.facts |= {
        "mlflow_run_id": logged.run_id,
        "place": logged.place,
        "traces": logged.n_traces,
        "failures_without_trace": logged.n_left_out,
        "promotion": None,
    }


def _of_the_report(folder: Path) -> list[Path]:
    """List what the gate wrote into its report folder; whatever else lies there is the user's."""
    names = [*(find_format(name).file_name for name in OF_A_GATE), "details"]
    return [folder / name for name in names if (folder / name).exists()]


MLFLOW = MlflowTracker()
