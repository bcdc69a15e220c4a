"""MLflow as a tracker: logs a stored run, in a process apart and within a time that is known before."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import entry_points
from harness.config import Settings
from harness.config.addresses import without_credentials
from harness.config.environment import user_name
from harness.errors import MlflowError, SettingsError
from harness.gate.runs.notes import IN_THE_TEST
from harness.models.mlflow.worker import MlflowWorker, require_mlflow
from harness.records.report_json import to_json
from harness.reporting.markdown.report import markdown
from harness.reporting.shared.names import display_names
from harness.reporting.writing import OF_A_GATE, find_format, write_reports
from harness.store import RunInfo, Store
from harness.tracking.traces import choose_traces
from harness.tracking.tracker import TrackedGate, TrackingNotes

GATE_DEADLINE_S = 60.0
"""Seconds that a gate waits at most until it is logged."""
TRACK_DEADLINE_S = 600.0
"""Seconds that `steelyard track` waits at most."""
MOST_TRACES = 50
"""Failed cases of a run that become traces."""


class MlflowTracker:
    """Logs to the MLflow of the settings. `options` are what the command line says of it."""

    def check(self, settings: Settings, options: Mapping[str, Any]) -> None:
        """Refuse to log where MLflow is not installed. Raises SettingsError: saying what installs it."""
        if settings.tracking is not None and options.get("mlflow") is not None:
            require_mlflow("--mlflow")

    def track(self, gate: TrackedGate, notes: TrackingNotes) -> None:
        """Log the run, with its report and a table of its samples."""
        require_mlflow("Logging")
        settings, document = gate.settings, to_json(gate.report)
        if settings.tracking is None:
            raise SettingsError(
                "Where is MLflow? Say --mlflow URL, http://HOST:PORT or sqlite:///mlflow.db, or write it as mlflow "
                f"into [tool.steelyard]. For another tracker say --to NAME. {entry_points.listed('trackers')}"
            )
        with gate.opened() as (store, run):

            def write_files(folder: Path) -> list[File]:
                (samples,) = write_reports(store, run, gate.report, folder, ["parquet"])
                if gate.is_late:
                    write_reports(store, run, gate.report, folder / "report", OF_A_GATE)
                    return [(folder / "report", ""), (samples, "")]
                return [*((path, "report") for path in _of_the_report(settings.report_folder)), (samples, "")]

            names = display_names(entry["id"] for entry in document["evaluations"])
            place = settings.tracking, settings.mlflow_experiment, settings.root
            log = GateLog(*place, run, document, names, markdown(gate.report))
            logged = log_gate(log, store, write_files, TRACK_DEADLINE_S if gate.is_late else GATE_DEADLINE_S)
        left_out = f", {logged.n_left_out:,} failed cases without" if logged.n_left_out else ""
        notes.lines.append(f"mlflow  {logged.place}" + (f" ({logged.n_traces:,} traces{left_out})" * gate.is_late))
        notes.facts |= {"mlflow_run_id": logged.run_id, "place": logged.place, "traces": logged.n_traces}

    def later(self, run_id: str, options: Mapping[str, Any]) -> str:
        """The command that makes up for it. An address with a user or a password is not repeated."""
        command = f"steelyard track {run_id}"
        for option in ("to", "mlflow", "store"):
            value = options.get(option)
            if value is not None:
                command += f" --{option} {'URL' if '@' in value else shlex.quote(value)}"
        return command


def _of_the_report(folder: Path) -> list[Path]:
    """List what the gate wrote into its report folder; whatever else lies there is the user's."""
    names = [*(find_format(name).file_name for name in OF_A_GATE), "details"]
    return [folder / name for name in names if (folder / name).exists()]


File = tuple[Path, str]
"""A file, or a folder with all that is in it, to keep with the run, and the folder of its artifacts ("" for none)."""


@dataclass(frozen=True, slots=True)
class GateLog:
    """A gate to log: its run and report, and where they are logged.

    Attributes:
        address: of MLflow. It may hold a password, so it is shown without.
        root: folder of the project.
        report: as report.json has it.
        names: of its evaluations by id, as a reader knows them.
        description: of the run, in Markdown.
    """

    address: str = field(repr=False)
    experiment: str
    root: Path
    run: RunInfo
    report: Mapping[str, Any]
    names: Mapping[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class LogResult:
    """The place where a run was logged, for people, and how many failed cases have a trace there, or have none."""

    place: str
    run_id: str
    n_traces: int
    n_left_out: int


def log_gate(
    gate: GateLog, store: Store, write_files: Callable[[Path], Sequence[File]], deadline_s: float | None
) -> LogResult:
    """Log a run. What is there of it already is brought up to date, so that twice is as good as once.

    Args:
        store: that holds its answers.
        write_files: called with an empty folder for what it may have to write, while MLflow is loading.
        deadline_s: how long logging may take once all is ready; None for no bound.

    Raises:
        MlflowError: MLflow could not be reached, refused, or took too long; the message shows no password.
    """
    drafting = tempfile.TemporaryDirectory(prefix="steelyard-")
    with MlflowWorker("harness.tracking.child", _folder(gate)) as worker, drafting as drafts:
        traces, n_left_out = choose_traces(store, gate.run, gate.report, gate.names, MOST_TRACES)
        entries = [{**each, "cases": []} for each in gate.report["evaluations"]]
        question = {
            "experiment": gate.experiment,
            "spec": {**gate.run.spec, "datasets": _datasets(gate)},
            "report": {**gate.report, "changes": [], "evaluations": entries},
            "names": dict(gate.names),
            "description": gate.description,
            "user": user_name(),
            "traces": traces,
            "files": [{"path": str(path.absolute()), "folder": kept} for path, kept in write_files(Path(drafts))],
        }
        answer = worker.ask_at(gate.address, "log", question, deadline_s)
    return LogResult(_place(gate, answer), answer["run_id"], len(traces), n_left_out)


def _datasets(gate: GateLog) -> list[dict[str, Any]]:
    """The sets of cases, each with a name: that of its file, else that of the evaluation in whose code they are."""
    named = []
    for record in gate.run.spec.get("datasets", ()):
        file = record["source"].removesuffix("/cases.jsonl").rpartition("/")[2]
        evaluation = record["evaluations"][0]
        own = gate.names.get(evaluation, evaluation)
        named.append({**record, "name": own if record["source"] == IN_THE_TEST else file})
    return named


def _folder(gate: GateLog) -> Path:
    """Make the folder where the process works: beside a database's file, so that MLflow's artifacts lie there, too.
    Raises MlflowError: the file's folder can't be made."""
    if not gate.address.startswith("sqlite:///"):
        return gate.root
    folder = Path(gate.address.removeprefix("sqlite:///")).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MlflowError(f"The folder {folder} can't be made: {error.strerror}.") from None
    return folder


def _place(gate: GateLog, answer: Mapping[str, Any]) -> str:
    shown = without_credentials(gate.address)
    if shown.startswith("http"):
        return f"{shown}/#/experiments/{answer['experiment_id']}/runs/{answer['run_id']}"
    own = f"sqlite:///{gate.root}/"
    shown = f"sqlite:///{shown.removeprefix(own)}" if shown.startswith(own) else shown
    return f"{shown}, experiment {gate.experiment}, run {answer['run_id']}"


MLFLOW = MlflowTracker()
