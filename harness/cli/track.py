"""`steelyard track`: a stored run handed to trackers, now or again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.stored import open_existing, settings_with_store, store_option
from harness.config.settings import MLFLOW, Settings, check_setting
from harness.errors import SettingsError, SteelyardError

if TYPE_CHECKING:
    from harness.records import Report
    from harness.store import RunInfo, Store


@click.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@store_option
@click.option("--to", metavar="NAME", help="The tracker that gets it; default: those that the settings ask for.")
@click.option("--mlflow", metavar="URL", help="A server or sqlite:///FILE; default: the one of the settings.")
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON.")
def track(run_name: str, place: str | None, to: str | None, mlflow: str | None, as_json: bool) -> None:
    """Hand a stored RUN to a tracker, by default the latest, with its verdicts by the labels given since.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. What MLflow has of a run already is
    brought up to date and never logged twice. No model is asked, and no verdict depends on it.

    \b
    Examples:
      steelyard track --mlflow http://127.0.0.1:5000
      steelyard track 20261124-1615 --mlflow sqlite:///mlflow.db
      steelyard track latest --to opentelemetry
    """
    from harness.tracking.tracker import TrackedGate, TrackingNotes, tracker

    settings = settings_with_store(place)
    if mlflow is not None:
        settings = replace(settings, mlflow=check_setting("mlflow", mlflow, where="--mlflow"))
    chosen = {name: (tracker(name), options) for name, options in _chosen(settings, to, mlflow).items()}
    for found, options in chosen.values():
        found.check(settings, options)
    with open_existing(settings) as opened:
        run, report = _found(opened, run_name, settings)
    told = TrackingNotes()
    for name, (found, options) in chosen.items():
        try:
            found.track(TrackedGate(report, report.exit_code, settings, options, is_late=True), told)
        except SteelyardError:
            raise
        except Exception as error:
            raise SteelyardError(f"The tracker {name!r} could not log it: {type(error).__name__}: {error}") from error
    if as_json:
        click.echo(json.dumps({"run_id": run.run_id, **told.facts, "lines": told.lines}))
        return
    click.echo(f"run     {run.run_id}, made {run.created}: {report.verdict}")
    for line in told.lines:
        click.echo(line)


def _chosen(settings: Settings, to: str | None, mlflow: str | None) -> Mapping[str, Mapping[str, Any]]:
    """The trackers that the run is handed to, each with its options; `--mlflow` chooses MLflow.

    Raises:
        SettingsError: `--to` names another one beside it.
    """
    given = {"mlflow": mlflow}
    asked = settings.trackers_asked(given)
    if to not in (None, MLFLOW):
        if mlflow is not None:
            raise SettingsError(f"--mlflow is for the tracker {MLFLOW}, and --to names {to!r}: leave one out.")
        return {to: asked.get(to, {})}
    return {MLFLOW: given} if to or mlflow or not asked else asked


def _found(store: Store, name: str, settings: Settings) -> tuple[RunInfo, Report]:
    """The run of this name, with its verdicts by the labels that are in by now."""
    from harness.gate.history.runs import find_version, stored_report
    from harness.gate.people.verdicts import resumed

    run = find_version(store.runs(), name).run
    report = stored_report(store, run.run_id)
    if any(verdict.review is not None for verdict in report.evaluations):
        decided = resumed(store, report, run.spec.get("inconclusive", settings.inconclusive))
        report = replace(decided, usage=report.usage)
    return run, report
