"""`steelyard gate`: a stored run decided again, with the labels that people have given since."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.shared.stored import open_existing, settings_with_store, store_option
from harness.store.location import option_for

if TYPE_CHECKING:
    from harness.records import Report


@click.command()
@store_option
@click.option("--resume", "run_name", metavar="RUN", required=True, help="The run to decide again.")
@click.option("--report-dir", metavar="FOLDER", help="Where the reports go; default: the one of the settings.")
@click.option(
    "--inconclusive", type=click.Choice(["fail", "warn"]), help="Exit code 8 or 0; default: as the run was made with."
)
@click.option("--json", "as_json", is_flag=True, help="Write report.json to standard output, too, and no table.")
def gate(place: str | None, run_name: str, report_dir: str | None, inconclusive: str | None, as_json: bool) -> None:
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
    from harness.records.report_json import to_json
    from harness.reporting.notifying import notify
    from harness.reporting.steps import with_steps
    from harness.reporting.writing import write_reports

    settings = settings_with_store(place)
    folder = Path.cwd() / report_dir if report_dir else settings.report_folder
    with open_existing(settings) as opened:
        run = find_version(opened.runs(), run_name).run
        counts_as = inconclusive or run.spec.get("inconclusive", settings.inconclusive)
        waivers = read_waivers(settings.root, today())
        stored = stored_report(opened, run.run_id)
        decided = resumed(opened, stored, counts_as, settings.review_url, waivers)
        report = with_steps(decided, option_for(opened.url))
        paths = write_reports(opened, run, report, folder)
    if problem := notify(report, settings):
        click.echo(f"WARNING: {problem}", err=True)
    if as_json:
        click.echo(json.dumps(to_json(report), allow_nan=False))
    else:
        path = next((path for path in paths if path.suffix == ".html"), paths[0])
        _show(report, path)
    sys.exit(report.exit_code)


def _show(report: Report, path: Path) -> None:
    from harness.reporting.terminal.report import render_stored, terminal_layout

    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    click.echo("\n".join(render_stored(report, terminal_layout(), str(shown))))
