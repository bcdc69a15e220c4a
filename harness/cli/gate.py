"""`steelyard gate`: a stored run decided again, with the labels that people have given since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.console import Ready, say, shows
from harness.cli.stores import open_existing, settings_with_store, store_option
from harness.reporting.shared.text import Block
from harness.store.location import option_for

if TYPE_CHECKING:
    from harness.records import Report


@dataclass(frozen=True, slots=True)
class DecidedAgain:
    """A report and the page that it was written to."""

    report: Report
    path: Path

    @property
    def exit_code(self) -> int:
        """The gate's."""
        return self.report.exit_code

    def as_json(self) -> dict[str, Any]:
        """As report.json has it."""
        from harness.records.report_json import to_json

        return to_json(self.report)


def _view(decided: DecidedAgain) -> Iterator[Block]:
    from harness.reporting.terminal.report import render_stored, terminal_layout

    path = decided.path
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return map(Ready, render_stored(decided.report, terminal_layout(), str(shown)))


@click.command()
@store_option
@click.option("--resume", "run_name", metavar="RUN", required=True, help="The run to decide again.")
@click.option("--report-dir", metavar="FOLDER", help="Where the reports go; default: the one of the settings.")
@click.option(
    "--inconclusive", type=click.Choice(["fail", "warn"]), help="Exit code 8 or 0; default: as the run was made with."
)
@shows(_view, "Write report.json to standard output, too, and no table.")
def gate(place: str | None, run_name: str, report_dir: str | None, inconclusive: str | None) -> DecidedAgain:
    """Decide a stored RUN again from its scores and the labels that people have given, without asking a model.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. A `latest` that did not come to its
    end is refused: an older run is decided only where it is named. Evaluations with `review=` get the verdict of labels
    and judge as they are now; all others keep theirs, which follow from scores, which stay. To sample, run pytest.

    Exit code: 0 passed, 1 red, 8 inconclusive, as pytest's; 4 for a run that is not stored.

    \b
    Examples:
      steelyard gate --resume latest
      steelyard gate --resume 20261124-1615 --report-dir reports/release --inconclusive fail
    """
    from harness.config.waivers import read_waivers, today
    from harness.gate.history.runs import find_version, stored_report
    from harness.gate.people.verdicts import resumed
    from harness.reporting.notifying import notify
    from harness.reporting.steps import complete
    from harness.reporting.writing import write_reports

    settings = settings_with_store(place)
    folder = Path.cwd() / report_dir if report_dir else settings.report_folder
    with open_existing(settings) as opened:
        run = find_version(opened.runs(), run_name).run
        counts_as = inconclusive or run.spec.get("inconclusive", settings.inconclusive)
        waivers = read_waivers(settings.root, today())
        stored = stored_report(opened, run.run_id)
        decided = resumed(opened, stored, counts_as, settings.review_url, waivers)
        report = complete(decided, option_for(opened.url))
        paths = write_reports(opened, run, report, folder)
    if problem := notify(report, settings):
        say(f"WARNING: {problem}", err=True)
    return DecidedAgain(report, next((path for path in paths if path.suffix == ".html"), paths[0]))
