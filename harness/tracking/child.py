"""Logs a run to MLflow: `python -m harness.tracking.child`, in the process that `MlflowProcess` starts."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from harness.models.mlflow.child import Login, serve
from harness.store import RunInfo, Store
from harness.tracking import fields
from harness.tracking.keys import key
from harness.tracking.runs import EVALUATION, RUN_ID, Contents, end_run, experiment_id, logged_runs, write_run
from harness.tracking.selection import choose
from harness.tracking.traces import Context, traces

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.trace_info import TraceInfo

_REQUESTS_AT_ONCE = 4
_SPANS_AT_ONCE = 100
_LINKS_AT_ONCE = 100
_MOST_NESTED = 100
_PAGE = 500


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
    _spread(login, _nest(client, experiment, asked, known, run_id))
    n_traces, n_left_out = _log_traces(login, asked, experiment, run_id)
    if n_left_out:
        client.set_tag(run_id, "steelyard.failures_without_trace", str(n_left_out))
    end_run(client, run_id, gate)
    return {"experiment_id": experiment, "run_id": run_id, "n_traces": n_traces, "n_left_out": n_left_out}


def _gate(asked: Mapping[str, Any]) -> Contents:
    report, spec = asked["report"], asked["spec"]
    source = {"mlflow.user": asked["user"], "mlflow.source.name": "steelyard", "mlflow.source.type": "LOCAL"}
    tags = {**fields.run_tags(spec, report, asked["names"]), **source}
    return Contents(
        name=fields.run_name(report),
        parameters=fields.run_parameters(spec, report),
        metrics=fields.run_metrics(report, asked["names"]),
        tags=tags,
        datasets=spec.get("datasets", ()),
        passed=report["verdict"] == "passed",
        **_times(report),
    )


def _times(report: Mapping[str, Any]) -> dict[str, int]:
    began = calendar.timegm(time.strptime(report["created"], "%Y-%m-%dT%H:%M:%SZ")) * 1000
    return {"began_ms": began, "ended_ms": began + round(report["usage"]["wall_s"] * 1000)}


def _nest(
    client: MlflowClient, experiment: str, asked: Mapping[str, Any], known: Mapping[str | None, Any], parent: str
) -> list[Callable[[], None]]:
    """What writes the nested runs, one for each evaluation; of very many those that did not pass come first."""
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for entry in asked["report"]["evaluations"]:
        entries.setdefault(entry["id"], []).append(entry)
    ranked = sorted(entries, key=lambda name: all(each["verdict"] == "passed" for each in entries[name]))

    def write(name: str) -> None:
        contents = _evaluation(asked, name, entries[name], parent)
        end_run(client, write_run(client, experiment, contents, known.get(name)), contents)

    return [lambda name=name: write(name) for name in ranked[:_MOST_NESTED]]  # type: ignore[misc]


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
        datasets=[each for each in asked["spec"].get("datasets", ()) if name in each["evaluations"]],
        passed=all(entry["verdict"] == "passed" for entry in entries),
        **_times(report),
    )


def _log_traces(login: Login, asked: Mapping[str, Any], experiment: str, run_id: str) -> tuple[int, int]:
    """Log the traces; how many there are, and how many failures have none."""
    from mlflow.tracing.client import TracingClient

    report = asked["report"]
    run = RunInfo(report["run_id"], report["created"], asked["spec"], True)
    with Store.open(asked["store"], readonly=True) as store:
        chosen = choose(store, run, report, asked["most_traces"])
    context = Context(
        steelyard_id=report["run_id"],
        mlflow_id=run_id,
        experiment_id=experiment,
        began_ns=_times(report)["began_ms"] * 1_000_000,
        names=asked["names"],
        versions=_versions(asked["spec"]),
    )
    made = traces(chosen, context)
    client = TracingClient(login.address)
    there = _there(client, experiment, run_id) if made else {}
    _spread(login, [lambda info=info: _put(client, info, there.get(info.trace_id)) for info, _ in made])  # type: ignore[misc]
    for start in range(0, len(made), _SPANS_AT_ONCE):
        client.log_spans(experiment, [span for _, span in made[start : start + _SPANS_AT_ONCE]])
    return len(made), chosen.n_left_out


def _versions(spec: Mapping[str, Any]) -> dict[str, str]:
    described = [spec.get("candidate"), spec.get("baseline"), *spec.get("judges", ())]
    return {each["fingerprint"]: each["name"] for each in reversed(described) if each}


def _there(client: Any, experiment: str, run_id: str) -> dict[str, TraceInfo]:
    """The traces that an earlier attempt logged."""
    found: dict[str, TraceInfo] = {}
    token: str | None = None
    while True:
        page = client.search_traces(
            locations=[experiment], run_id=run_id, include_spans=False, max_results=_PAGE, page_token=token
        )
        found |= {trace.info.trace_id: trace.info for trace in page}
        token = page.token
        if not token:
            return found


def _put(client: Any, info: TraceInfo, there: TraceInfo | None) -> None:
    """Log a trace; of one that is there, what is new is added, and a label that was taken back is removed."""
    if there is None:
        client.start_trace(info)
        return
    wanted = {each.assessment_id: each for each in info.assessments}
    known = {each.assessment_id for each in there.assessments}
    for each in there.assessments:
        is_ours = each.name.endswith(".human") and "batch" in (each.metadata or {})
        if is_ours and each.assessment_id not in wanted:
            client.delete_assessment(info.trace_id, each.assessment_id)
    for name, each in wanted.items():
        if name not in known:
            client.log_assessment(info.trace_id, each)


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
