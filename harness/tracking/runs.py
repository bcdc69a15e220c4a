"""Runs of MLflow: found by the run of Steelyard that they log, or made; written to so that twice is as good as once."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from harness.errors import MlflowError
from harness.tracking.keys import text

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

RUN_ID = "steelyard.run_id"
EVALUATION = "steelyard.evaluation"
_PARAMETERS_AT_ONCE = 100
_METRICS_AT_ONCE = 800
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents that a run of MLflow is to have.

    Attributes:
        passed: whether its verdict is `passed`; any other makes the run a failed one, as its icon says.
        began_ms, ended_ms: in milliseconds since 1970.
    """

    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: Sequence[Mapping[str, Any]]
    passed: bool
    began_ms: int
    ended_ms: int


def experiment_id(client: MlflowClient, name: str) -> str:
    """The experiment of this name, made where there is none.

    Raises:
        MlflowError: it was deleted.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another process was quicker
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise MlflowError(
            f"The experiment {name!r} was deleted there. Restore it (mlflow experiments restore --experiment-id "
            f"{found.experiment_id}), or name another one as mlflow_experiment."
        )
    return str(found.experiment_id)


def logged_runs(client: MlflowClient, experiment: str, steelyard_id: str) -> dict[str | None, Run]:
    """Find what is there of a run of Steelyard, by evaluation; the run of the gate itself under None."""
    filter_string = f"tags.`{RUN_ID}` = '{steelyard_id}'"
    found: dict[str | None, Run] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment], filter_string, max_results=_LARGEST_PAGE, page_token=token)
        for run in page:
            found.setdefault(run.data.tags.get(EVALUATION), run)
        token = page.token
        if not token:
            return found


def write_run(client: MlflowClient, experiment: str, contents: Contents, known: Run | None) -> str:
    """Make a run, or bring the known one up to date; gives its id. A parameter, once there, stays as it is."""
    from mlflow.entities import Metric, Param, RunTag

    name = text(contents.name, 250)
    tags = {**contents.tags, "mlflow.runName": name}
    run = client.create_run(experiment, contents.began_ms, tags, name) if known is None else known
    now_ms = time.time_ns() // 1_000_000
    there = run.data
    parameters = [Param(key, value) for key, value in contents.parameters.items() if key not in there.params]
    metrics = [
        Metric(key, value, now_ms, 0)
        for key, value in contents.metrics.items()
        if not math.isclose(there.metrics.get(key, math.nan), value, rel_tol=1e-12)
    ]
    changed = [RunTag(key, value) for key, value in tags.items() if there.tags.get(key) != value]
    of_each = (metrics, _METRICS_AT_ONCE), (parameters, _PARAMETERS_AT_ONCE), (changed, _PARAMETERS_AT_ONCE)
    for blocks in zip_longest(*(_blocks(*each) for each in of_each), fillvalue=()):
        client.log_batch(run.info.run_id, *blocks, synchronous=True)
    if contents.datasets:
        client.log_inputs(run.info.run_id, [_dataset(each) for each in contents.datasets])
    return str(run.info.run_id)


def end_run(client: MlflowClient, run_id: str, contents: Contents) -> None:
    """Say how the run ended."""
    client.set_terminated(run_id, "FINISHED" if contents.passed else "FAILED", contents.ended_ms)


def _dataset(record: Mapping[str, Any]) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = text(str(record["source"]), 1000)
    profile = json.dumps({"num_rows": record["n_cases"]})
    dataset = Dataset(
        text(record["name"], 500), record["digest"], "local", json.dumps({"uri": source}), profile=profile
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])


def _blocks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
