"""`steelyard track`: a stored run logged to MLflow, now or again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.stored import open_existing, settings_with_store, store_option
from harness.config.settings import Settings, check_setting

if TYPE_CHECKING:
    from harness.records import Report
    from harness.store import RunInfo, Store
    from harness.tracking.gates import Logged

_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class _Options:
    """What the command line says beside the run."""

    place: str | None
    mlflow: str | None
    mlflow_experiment: str | None
    promote: str | None
    traces: int
    as_json: bool


@click.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@store_option
@click.option("--mlflow", metavar="URL", help="A server or sqlite:///FILE; default: the one of the settings.")
@click.option("--mlflow-experiment", metavar="NAME", help="The experiment there; default: the one of the settings.")
@click.option("--promote", metavar="ALIAS", help="If the run passed whole, give its candidate this alias.")
@click.option(
    "--traces",
    metavar="N",
    type=click.IntRange(min=0, max=100_000),
    default=50,
    show_default=True,
    help="How many failures become traces.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON.")
def track(run_name: str, **options: Any) -> None:
    """Log a stored RUN to MLflow, by default the latest, and with it the labels that people have given since.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. A run that was logged before is
    brought up to date and never logged twice. No model is asked, and no verdict depends on it.

    \b
    Examples:
      steelyard track --mlflow http://127.0.0.1:5000
      steelyard track 20261124-1615 --mlflow sqlite:///mlflow.db --traces 500
      steelyard track latest --promote champion
    """
    from harness.models.mlflow.process import require_mlflow
    from harness.tracking.promotion import check_alias, promote

    given = _Options(**options)
    settings = _settings(given)
    require_mlflow("steelyard track")
    if given.promote is not None:
        check_alias(given.promote)
    with open_existing(settings) as opened:
        run, report = _found(opened, run_name, settings)
        logged = _logged(settings, opened, run, report, given.traces)
    said = None if given.promote is None else promote(settings, run, _document(report), given.promote)
    if given.as_json:
        click.echo(json.dumps(_as_json(run, logged, said)))
        return
    left_out = f", {logged.n_left_out:,} failures without" if logged.n_left_out else ""
    click.echo(f"run     {run.run_id}, made {run.created}: {report.verdict}")
    click.echo(f"mlflow  {logged} ({logged.n_traces:,} traces{left_out})")
    if said is not None:
        click.echo(f"mlflow  {said}")


def _settings(given: _Options) -> Settings:
    """The settings with what the command line says laid over."""
    settings = settings_with_store(given.place)
    for name in ("mlflow", "mlflow_experiment"):
        value = getattr(given, name)
        if value is not None:
            where = f"--{name.replace('_', '-')}"
            settings = replace(settings, **{name: check_setting(name, value, where=where)})
    return settings


def _found(store: Store, name: str, settings: Settings) -> tuple[RunInfo, Report]:
    """The run of this name, with its verdicts by the labels that are in by now."""
    from harness.gate.history.runs import find_newest, stored_report
    from harness.gate.people.verdicts import resumed

    run = find_newest(store.runs(), name)
    report = stored_report(store, run.run_id)
    if any(verdict.review is not None for verdict in report.evaluations):
        decided = resumed(store, run, report, run.spec.get("inconclusive", settings.inconclusive))
        report = replace(decided, usage=report.usage)
    return run, report


def _logged(settings: Settings, store: Store, run: RunInfo, report: Report, most_traces: int) -> Logged:
    from harness.reporting.shared.names import display_names
    from harness.reporting.writing import OF_A_GATE, write_reports
    from harness.tracking.gates import File, gate_of, log_gate

    document = _document(report)
    names = display_names(entry["id"] for entry in document["evaluations"])
    gate = replace(gate_of(settings, run, document, names), most_traces=most_traces)

    def write_files(folder: Path) -> list[File]:
        (samples,) = write_reports(store, run, report, folder, ["parquet"])
        write_reports(store, run, report, folder / "report", OF_A_GATE)
        return [File(folder / "report"), File(samples)]

    return log_gate(gate, store, write_files, _DEADLINE_S)


def _document(report: Report) -> dict[str, Any]:
    from harness.records.report_json import to_json

    return to_json(report)


def _as_json(run: RunInfo, logged: Logged, said: str | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "mlflow_run_id": logged.run_id,
        "place": logged.place,
        "traces": logged.n_traces,
        "failures_without_trace": logged.n_left_out,
        "promotion": said,
    }
