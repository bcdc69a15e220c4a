"""What MLflow has of an experiment, read back by its own client in a process of its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.tracking.forks import in_a_fork


def read(address: str, experiment: str = "steelyard") -> dict[str, Any]:
    """All runs of an experiment, with the files of each, and all traces; and the models of the registry."""
    found: dict[str, Any] = json.loads(in_a_fork(__name__, address, experiment).splitlines()[-1])
    return found


def _runs(client: Any, experiment_id: str) -> list[dict[str, Any]]:
    return [
        {
            "id": run.info.run_id,
            "name": run.info.run_name,
            "status": run.info.status,
            "times": [run.info.start_time, run.info.end_time],
            "params": run.data.params,
            "metrics": run.data.metrics,
            "history": {
                key: len(client.get_metric_history(run.info.run_id, key)) for key in list(run.data.metrics)[:3]
            },
            "tags": run.data.tags,
            "datasets": [dict(each.dataset) for each in run.inputs.dataset_inputs],
            "files": _files(client, run.info.run_id),
        }
        for run in client.search_runs([experiment_id])
    ]


def _files(client: Any, run_id: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        for top in client.list_artifacts(run_id):
            client.download_artifacts(run_id, top.path, folder)
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes().decode("latin-1")[:200_000] for path in paths}


def _traces(client: Any, experiment_id: str) -> list[dict[str, Any]]:
    return [
        {
            "id": trace.info.trace_id,
            "state": str(trace.info.state.value),
            "tags": dict(trace.info.tags),
            "metadata": dict(trace.info.trace_metadata),
            "spans": [
                {"inputs": span.inputs, "outputs": span.outputs, "attributes": span.attributes}
                for span in trace.data.spans
            ],
        }
        for trace in client.search_traces(locations=[experiment_id], max_results=500)
    ]


def main(address: str, name: str) -> None:
    """Print it as JSON."""
    from mlflow import MlflowClient, set_tracking_uri

    set_tracking_uri(address)
    client = MlflowClient(address, address)
    experiment = client.get_experiment_by_name(name)
    found: dict[str, Any] = {"runs": [], "traces": [], "models": {}}
    if experiment is not None:
        found["runs"] = _runs(client, experiment.experiment_id)
        found["traces"] = _traces(client, experiment.experiment_id)
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name = '{model.name}'")
        tags = {str(each.version): dict(each.tags) for each in versions}
        aliases = {alias: str(number) for alias, number in client.get_registered_model(model.name).aliases.items()}
        found["models"][model.name] = {"aliases": aliases, "versions": tags}
    print(json.dumps(found, default=str))
