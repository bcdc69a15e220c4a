"""Logging a gate of 10,000 samples to MLflow: to a file and to a server, beyond loading MLflow."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from harness.gate.history.scores import Side
from harness.records.report_json import to_json
from harness.reporting.writing import OF_A_GATE, write_reports
from harness.store import Store
from harness.tracking.mlflow import File, GateLog, log_gate
from tests.bench.sampling import Figure
from tests.gate import stored
from tests.gate.stored import Scored
from tests.tracking.servers import MlflowServer, make_database

CASES, SAMPLES = 500, 10
"""Of each of two versions: 10,000 samples in all."""
RATE = 0.9
ANSWER = " ".join(["the capital of this country is its largest city"] * 4)
EVALUATION = "suites/foundation/test_capitals.py::test_capitals"
GOAL_S = 3.0

# What any use of MLflow costs: its import, and a first question to the file or the server.
_LOADED = "import sys; from mlflow import MlflowClient; MlflowClient(sys.argv[1]).get_experiment_by_name('none')"


def mlflow(folder: Path, repeats: int) -> list[Figure]:
    """A gate with 500 failures or so, of which 50 become traces, with its reports and a table of all samples."""
    empty = make_database(folder / "empty.db")
    with Store.open(str(folder / "store.db")) as store:
        run = _filled(store)
        figures = _measured(store, run, f"sqlite:///{shutil.copy(empty, folder / 'mlflow.db')}", "a file", repeats)
        with _server(folder / "server", empty) as address:
            return figures + _measured(store, run, address, "a server", repeats)


def _filled(store: Store) -> Side:
    random = np.random.default_rng(1)
    ids = [f"case-{number:03}" for number in range(CASES)]
    scores = {role: (random.random((CASES, SAMPLES)) < RATE).astype(float).tolist() for role in stored.NAMES}
    values = {role: dict(zip(ids, each, strict=True)) for role, each in scores.items()}
    says = {(role, case): [f"{ANSWER} {number}" for number in range(SAMPLES)] for role in scores for case in ids}
    rule = {"threshold": 0.7, "n_planned": CASES}
    scored = Scored(EVALUATION, values["candidate"], values["baseline"], says=says, rule=rule)
    return stored.run(store, "20261124-160312-0a1b2c", scored)


@contextmanager
def _server(folder: Path, empty: Path) -> Iterator[str]:
    folder.mkdir()
    shutil.copy(empty, folder / "mlflow.db")
    server = MlflowServer(folder)
    try:
        yield server.address
    finally:
        server.stop()


def _measured(store: Store, side: Side, address: str, where: str, repeats: int) -> list[Figure]:
    """Each time to an experiment of its own, so that all of it is new."""
    root = Path(store.url.removeprefix("sqlite:///")).parent
    report = write_reports(store, side.weighed.run, side.report, root / "report", OF_A_GATE)[0].parent
    loaded, logged, again = [], [], []
    for number in range(repeats):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", _LOADED, address], check=True, capture_output=True)
        loaded.append(time.perf_counter() - began)
        for took in (logged, again):
            began = time.perf_counter()
            n_traces = _log(store, side, address, f"experiment {number}", report)
            took.append(time.perf_counter() - began)
    beyond = median(each - alone for each, alone in zip(logged, loaded, strict=True))
    repeated = median(each - alone for each, alone in zip(again, loaded, strict=True))
    name = f"MLflow: 10,000 samples logged to {where}"
    beside = f"import and first question {median(loaded):.1f} s, {n_traces} traces"
    goal = f"≤ {GOAL_S:.0f} s"
    return [
        Figure(f"{name}, beyond its import", beyond, "s", goal, beyond <= GOAL_S, beside),
        Figure(f"{name}, a second time", repeated, "s", goal, repeated <= GOAL_S, "brought up to date"),
    ]


def _log(store: Store, side: Side, address: str, experiment: str, report: Path) -> int:
    run = side.weighed.run
    document: dict[str, Any] = to_json(side.report)
    names = {EVALUATION: "foundation/test_capitals"}
    gate = GateLog(address, experiment, report.parent, run, document, names)

    def write_files(folder: Path) -> list[File]:
        (samples,) = write_reports(store, run, side.report, folder, ["parquet"])
        return [File(report), File(samples)]

    return log_gate(gate, store, write_files, None).n_traces
