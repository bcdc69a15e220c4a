"""`steelyard history`: how evaluations came out over time."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import open_store, place_option, say, shows
from harness.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from harness.gate.baselines.timeline import Timeline

_PAGE = Path("reports") / "history.html"


@click.command()
@click.argument("suite", metavar="[SUITE]", required=False)
@click.option("--evaluation", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@click.option("-o", "--output", metavar="FILE", help=f"Where the page goes; default: {_PAGE.as_posix()}.")
@place_option
@shows("harness.reporting.history.text:view", "Write the figures as JSON, beside the page.")
def history(place: str | None, suite: str | None, evaluation: str | None, output: str | None) -> Timeline:
    """Show how evaluations came out over time, on one page: versions across, bands, changes, cases that flipped.

    It is made of the runs in the store, and of the baselines that each commit recorded in reports/baselines. SUITE is a
    folder, a file or an evaluation, as pytest takes it. No model is asked.

    \b
    Examples:
      steelyard history
      steelyard history suites/foundation --output history.html
      steelyard history --evaluation '*capitals*' --json
    """
    from harness.gate.baselines.timeline import timeline
    from harness.reporting.history.page import write_history
    from harness.reporting.shared.names import find_evaluations
    from harness.store.location import settings_with_store

    def wanted(ids: Iterable[str]) -> Collection[str]:
        begun = f"{glob.escape(suite.removeprefix('./').rstrip('/'))}*" if suite and suite != "." else "*"
        own = find_evaluations(begun, ids, where="SUITE")
        return find_evaluations(evaluation, own, where="--evaluation") if evaluation else own

    if output == "-":
        raise SettingsError("--output -: the page is a file; name one, such as history.html.")
    settings = settings_with_store(place)
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(settings))
        except StoreError as error:  # a fresh clone has what was recorded
            if place is not None:
                raise
            store = None
            say(("note", str(error)), err=True)
        shown = timeline(store, settings.root, settings.confidence_level, wanted)
    if not shown.trends:
        raise SettingsError("Nothing to show: no finished run is stored, and no baseline recorded. Run pytest first.")
    path = write_history(shown, settings.root / _PAGE if output is None else Path.cwd() / output)
    say(("wrote", str(path)), err=True)
    return shown
