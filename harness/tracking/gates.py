"""Logs a stored run to MLflow, in a process apart and within a time that is known before."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import doors
from harness.config import Settings
from harness.config.addresses import without_credentials
from harness.config.environment import user_name
from harness.errors import MlflowError, SettingsError
from harness.gate.runs.notes import IN_THE_TEST
from harness.models.mlflow.process import MlflowProcess
from harness.store import RunInfo, Store
from harness.tracking.selection import choose_traces
from harness.tracking.traces import Context, traces

MOST_TRACES = 50
"""Failures of a gate that become traces."""
GATE_DEADLINE_S = 60.0
"""Seconds that a gate waits at most until it is logged."""
TRACK_DEADLINE_S = 600.0
"""Seconds that `steelyard track` waits at most."""

_CHILD = "harness.tracking.child"


@dataclass(frozen=True, slots=True)
class File:
    """A file, or a folder with all that is in it, to keep with the run, in a folder of its artifacts ("" for none)."""

    path: Path
    folder: str = ""


@dataclass(frozen=True, slots=True)
class GateLog:
    """A gate to log: its run and report, and where they are logged.

    Attributes:
        address: of MLflow. It may hold a password, so it is shown without.
        root: folder of the project.
        report: as report.json has it.
        names: of its evaluations by id, as a reader knows them.
        most_traces: how many failures become traces.
    """

    address: str = field(repr=False)
    experiment: str
    root: Path
    run: RunInfo
    report: Mapping[str, Any]
    names: Mapping[str, str]
    most_traces: int = MOST_TRACES


def gate_of(settings: Settings, run: RunInfo, report: Mapping[str, Any], names: Mapping[str, str]) -> GateLog:
    """Put together what is logged of a stored run, where the settings say.

    Raises:
        SettingsError: they say nowhere.
    """
    if settings.tracking is None:
        raise SettingsError(
            "Where is MLflow? Say --mlflow URL, http://HOST:PORT or sqlite:///mlflow.db, or write it as mlflow into "
            f"[tool.steelyard]. For another tracker say --to NAME. {doors.listed('trackers')}"
        )
    return GateLog(settings.tracking, settings.mlflow_experiment, settings.root, run, report, names)


@dataclass(frozen=True, slots=True)
class LogResult:
    """The place where a run was logged, and the number of its traces.

    Attributes:
        place: for people: its page, or the file and the run in it.
        n_traces: answers that became traces; `n_left_out` failures did not.
    """

    place: str
    run_id: str
    n_traces: int
    n_left_out: int

    def __str__(self) -> str:
        return self.place


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
    with MlflowProcess(_CHILD, _folder(gate)) as process, tempfile.TemporaryDirectory(prefix="steelyard-") as drafts:
        question = _question(gate, store)
        files = write_files(Path(drafts))
        question["files"] = [{"path": str(file.path.absolute()), "folder": file.folder} for file in files]
        answer = process.ask(gate.address, question, deadline_s)
    return LogResult(_place(gate, answer), answer["run_id"], len(question["traces"]), question["n_left_out"])


def _question(gate: GateLog, store: Store) -> dict[str, Any]:
    spec, report = gate.run.spec, gate.report
    chosen = choose_traces(store, gate.run, report, gate.most_traces)
    described = [spec.get("candidate"), spec.get("baseline"), *spec.get("judges", ())]
    versions = {each["fingerprint"]: each["name"] for each in reversed(described) if each}
    return {
        "experiment": gate.experiment,
        "spec": {**spec, "datasets": _datasets(gate)},
        "report": {**report, "changes": [], "evaluations": [{**each, "cases": []} for each in report["evaluations"]]},
        "names": dict(gate.names),
        "user": user_name(),
        "traces": traces(chosen, Context(gate.run.run_id, gate.names, versions)),
        "n_left_out": chosen.n_left_out,
    }


def _datasets(gate: GateLog) -> list[dict[str, Any]]:
    """The sets of cases, each with a name: that of its file, else that of the evaluation in whose code they are."""
    found = []
    for record in gate.run.spec.get("datasets", ()):
        file = record["source"].removesuffix("/cases.jsonl").rpartition("/")[2]
        evaluation = record["evaluations"][0]
        own = gate.names.get(evaluation, evaluation)
        found.append({**record, "name": own if record["source"] == IN_THE_TEST else file})
    return found


def _folder(gate: GateLog) -> Path:
    """Make the folder where the process works: beside a database's file, so that MLflow's artifacts lie there, too.

    Raises:
        MlflowError: the file's folder can't be made.
    """
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
