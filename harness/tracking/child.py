"""Logs a run to MLflow: `python -m harness.tracking.child`, in the process that `MlflowProcess` starts."""

from __future__ import annotations

import calendar
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from harness.models.mlflow.child import Login, serve
from harness.tracking import fields
from harness.tracking.keys import key
from harness.tracking.runs import EVALUATION, RUN_ID, Contents, end_run, experiment_id, logged_runs, write_run
from harness.tracking.spans import Spread, link_traces, log_traces

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_REQUESTS_AT_ONCE = 4
_MOST_NESTED = 100


def main() -> None:
    """Answer one question."""
    serve(log)


def log(login: Login, asked: dict[str, Any]) -> dict[str, Any]:
    """Log a run: the gate with parameters, metrics, tags, data sets and files, a nested run for each evaluation, and
    traces.

    Raises:
        Exception: whatever MLflow raises.
    """
    from mlflow import MlflowClient

    client = MlflowClient(login.address)
    experiment = experiment_id(client, asked["experiment"])
    known = logged_runs(client, experiment, asked["report"]["run_id"])
    gate = _gate(asked)
    run_id = write_run(client, experiment, gate, known.get(None))
    for file in asked["files"]:
        client.log_artifact(run_id, file["path"], file["folder"] or None)
    spread = functools.partial(_spread, login)
    nested = _nest(client, experiment, asked, known, run_id, spread)
    log_traces(asked["traces"], experiment, run_id, gate.began_ms, spread)
    for name, own in nested.items():
        link_traces(client, [each["id"] for each in asked["traces"] if each["evaluation_id"] == name], own)
    if asked["n_left_out"]:
        client.set_tag(run_id, "steelyard.failures_without_trace", str(asked["n_left_out"]))
    end_run(client, run_id, gate)
    return {"experiment_id": experiment, "run_id": run_id}


def _gate(asked: Mapping[str, Any]) -> Contents:
    report, spec = asked["report"], asked["spec"]
    source = {"mlflow.user": asked["user"], "mlflow.source.name": "steelyard", "mlflow.source.type": "LOCAL"}
    tags = {**fields.run_tags(spec, report, asked["names"]), **source}
    return Contents(
        name=fields.run_name(report),
        parameters=fields.run_parameters(spec, report),
        metrics=fields.run_metrics(report, asked["names"]),
        tags=tags,
        datasets=spec["datasets"],
        passed=report["verdict"] == "passed",
        **_times(report),
    )


def _times(report: Mapping[str, Any]) -> dict[str, int]:
    began = calendar.timegm(time.strptime(report["created"], "%Y-%m-%dT%H:%M:%SZ")) * 1000
    return {"began_ms": began, "ended_ms": began + round(report["usage"]["wall_s"] * 1000)}


def _nest(
    client: MlflowClient,
    experiment: str,
    asked: Mapping[str, Any],
    known: Mapping[str | None, Run],
    parent: str,
    spread: Spread,
) -> dict[str, str]:
    """Write the nested runs, one for each evaluation, and give their ids; of very many those that did not pass."""
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for entry in asked["report"]["evaluations"]:
        entries.setdefault(entry["id"], []).append(entry)
    ranked = sorted(entries, key=lambda name: all(each["verdict"] == "passed" for each in entries[name]))
    nested: dict[str, str] = {}

    def write(name: str) -> None:
        contents = _evaluation(asked, name, entries[name], parent)
        nested[name] = write_run(client, experiment, contents, known.get(name))
        end_run(client, nested[name], contents)

    spread([functools.partial(write, name) for name in ranked[:_MOST_NESTED]])
    return nested


def _evaluation(asked: Mapping[str, Any], name: str, entries: Sequence[Mapping[str, Any]], parent: str) -> Contents:
    report = asked["report"]
    metrics: dict[str, float] = {}
    for entry in entries:
        metrics |= fields.entry_metrics(entry, key(entry["metric"]))
    own = {"mlflow.parentRunId": parent, RUN_ID: report["run_id"], EVALUATION: name}
    versions = fields.version_tags(asked["spec"], report, "candidate")
    return Contents(
        name=asked["names"][name],
        parameters=fields.entry_parameters(entries),
        metrics=metrics,
        tags={**versions, **fields.entry_tags(entries), **own},
        datasets=[each for each in asked["spec"]["datasets"] if name in each["evaluations"]],
        passed=all(entry["verdict"] == "passed" for entry in entries),
        **_times(report),
    )


def _spread(login: Login, work: Iterable[Callable[[], None]]) -> None:
    """Do the work, several at once where a server takes it; a file takes one at a time.

    Raises:
        Exception: what the first of them raised.
    """
    if not login.is_server:
        for each in work:
            each()
        return
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()


if __name__ == "__main__":
    main()
