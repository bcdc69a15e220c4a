"""`steelyard track`: a stored run handed to trackers, now or again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from harness.cli.console import shows
from harness.cli.stores import open_existing, settings_with_store, store_option
from harness.config.settings import MLFLOW, Settings, check_setting
from harness.errors import SettingsError, SteelyardError
from harness.reporting.shared.text import Block


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run, and what the trackers said of it."""

    run_id: str
    created: str
    verdict: str
    facts: Mapping[str, Any]
    lines: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The trackers' facts, beside the run and the lines."""
        return {"run_id": self.run_id, **self.facts, "lines": self.lines}


def _view(tracked: Tracked) -> Iterator[Block]:
    yield f"run     {tracked.run_id}, made {tracked.created}: {tracked.verdict}"
    yield from tracked.lines


@click.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@store_option
@click.option("--to", metavar="NAME", help="The tracker that gets it; default: those that the settings ask for.")
@click.option("--mlflow", metavar="URL", help="A server or sqlite:///FILE; default: the one of the settings.")
@shows(_view)
def track(run_name: str, place: str | None, to: str | None, mlflow: str | None) -> Tracked:
    """Hand a stored RUN to a tracker, by default the latest, with its verdicts by the labels given since.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. What MLflow has of a run already is
    brought up to date and never logged twice. No model is asked, and no verdict depends on it.

    \b
    Examples:
      steelyard track --mlflow http://127.0.0.1:5000
      steelyard track 20261124-1615 --mlflow sqlite:///mlflow.db
      steelyard track latest --to opentelemetry
    """
    from harness.gate.history.runs import find_version, stored_report
    from harness.gate.people.verdicts import resumed
    from harness.tracking.tracker import TrackedGate, TrackingNotes, tracker

    settings = settings_with_store(place)
    if mlflow is not None:
        settings = replace(settings, mlflow=check_setting("mlflow", mlflow, where="--mlflow"))
    chosen = {name: (tracker(name), options) for name, options in _chosen(settings, to, mlflow).items()}
    for found, options in chosen.values():
        found.check(settings, options)
    with open_existing(settings) as opened:
        run = find_version(opened.runs(), run_name).run
        report = stored_report(opened, run.run_id)
        if any(verdict.review is not None for verdict in report.evaluations):
            decided = resumed(opened, report, run.spec.get("inconclusive", settings.inconclusive))
            report = replace(decided, usage=report.usage)
    told = TrackingNotes()
    for name, (found, options) in chosen.items():
        try:
            found.track(TrackedGate(report, report.exit_code, settings, options, is_late=True), told)
        except SteelyardError:
            raise
        except Exception as error:
            raise SteelyardError(f"The tracker {name!r} could not log it: {type(error).__name__}: {error}") from error
    return Tracked(run.run_id, run.created, str(report.verdict), told.facts, told.lines)


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
