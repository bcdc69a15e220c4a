"""Logs a run to MLflow, in the process of an `MlflowWorker`."""

from __future__ import annotations

import calendar
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import MlflowError
from harness.models.mlflow.worker import Login, asks_mlflow, load
from harness.tracking import fields

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

__all__ = ["RUN_ID", "TABLE", "load", "log"]

RUN_ID = "steelyard.run_id"
TABLE = "evaluations.json"
_TRACES_AT_ONCE = 500


@asks_mlflow
def log(login: Login, asked: dict[str, Any]) -> dict[str, Any]:
    """Log a run: the gate with parameters, metrics, tags, data sets, a table of its evaluations, traces and files.

    What is there of it by its tag is brought up to date; a parameter, once there, stays as it is.

    Raises:
        Exception: whatever MLflow raises.
    """
    import mlflow
    from mlflow import MlflowClient

    client, report, spec = MlflowClient(login.address), asked["report"], asked["spec"]
    experiment = _experiment_id(client, asked["experiment"])
    began_ms = calendar.timegm(time.strptime(report["created"], "%Y-%m-%dT%H:%M:%SZ")) * 1000
    runs = client.search_runs([experiment], f"tags.`{RUN_ID}` = '{report['run_id']}'", max_results=1)
    name = fields.text(fields.run_name(report), 250)
    known: Run = runs[0] if runs else client.create_run(experiment, began_ms, {RUN_ID: report["run_id"]}, name)
    run_id = str(known.info.run_id)
    source = {"mlflow.user": asked["user"], "mlflow.source.name": "steelyard", "mlflow.source.type": "LOCAL"}
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_id=run_id):
        mlflow.set_tags({**fields.run_tags(spec, report, asked["description"]), **source})
        parameters = fields.run_parameters(spec, report)
        mlflow.log_params({key: value for key, value in parameters.items() if key not in known.data.params})
        mlflow.log_metrics(_changed(fields.run_metrics(report, asked["names"]), known.data.metrics))
        if spec["datasets"]:
            client.log_inputs(run_id, [*map(_dataset, spec["datasets"])])
        _log_traces(client, experiment, run_id, asked["traces"])
        _log_table(client, run_id, fields.table(report, asked["names"]), is_new=not runs)
        for file in asked["files"]:
            client.log_artifact(run_id, file["path"], file["folder"] or None)
    ended_ms = began_ms + round(report["usage"]["wall_s"] * 1000)
    client.set_terminated(run_id, "FINISHED" if report["verdict"] == "passed" else "FAILED", ended_ms)
    return {"experiment_id": experiment, "run_id": run_id}


def _experiment_id(client: MlflowClient, name: str) -> str:
    """The experiment of this name, made where there is none. Raises MlflowError: it was deleted."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another process was quicker
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise MlflowError(
            f"The experiment {name!r} was deleted there. Restore it (mlflow experiments restore --experiment-id "
            f"{experiment.experiment_id}), or name another one with mlflow_experiment."
        )
    return str(experiment.experiment_id)


def _changed(metrics: Mapping[str, float], there: Mapping[str, float]) -> dict[str, float]:
    """The metrics whose value is another one there."""
    return {
        key: value for key, value in metrics.items() if not math.isclose(there.get(key, math.nan), value, rel_tol=1e-12)
    }


def _dataset(record: Mapping[str, Any]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, source = fields.text(record["name"], 500), fields.text(str(record["source"]), 1000)
    profile = json.dumps({"num_rows": record["n_cases"]})
    dataset = Dataset(name, record["digest"], "local", json.dumps({"uri": source}), profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])


def _log_traces(client: MlflowClient, experiment: str, run_id: str, given: Sequence[Mapping[str, Any]]) -> None:
    """A trace for each answer that has none there."""
    import mlflow

    page = client.search_traces(locations=[experiment], run_id=run_id, include_spans=False, max_results=_TRACES_AT_ONCE)
    there = [trace.info.tags for trace in page]
    for each in given:
        if any(each["tags"].items() <= tags.items() for tags in there):
            continue
        with mlflow.start_span(each["name"], span_type="CHAT_MODEL", attributes=each["attributes"]) as span:
            span.set_inputs(each["inputs"])
            span.set_outputs(each["outputs"])
            span.set_status("ERROR" if each["broke"] else "OK")
            mlflow.update_current_trace(tags=each["tags"])


def _log_table(client: MlflowClient, run_id: str, table: Mapping[str, Sequence[Any]], *, is_new: bool) -> None:
    """The table of evaluations. MLflow appends to a table that is there, so then its file is written anew."""
    if is_new:
        client.log_table(run_id, dict(table), TABLE)
    else:
        rows = [list(row) for row in zip(*table.values(), strict=True)]
        client.log_text(run_id, json.dumps({"columns": list(table), "data": rows}), TABLE)
