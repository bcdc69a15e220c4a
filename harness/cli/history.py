"""Stored versions beside each other: over time (`steelyard history`), and in order (`steelyard rank`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import open_store, place_option, say, shows, with_store
from harness.errors import SettingsError, StoreError, UsageError

if TYPE_CHECKING:
    from harness.gate.baselines.timeline import Timeline
    from harness.gate.history.ranking import Ranking
    from harness.reporting.shared.text import Block
    from harness.store import Store

_PAGE = Path("reports") / "history.html"


@click.command()
@click.option("-o", "--output", metavar="FILE", help=f"Where the page goes; default: {_PAGE.as_posix()}.")
@place_option
@shows("harness.reporting.history.text:view", "Write the figures as JSON, beside the page.")
def history(place: str | None, output: str | None) -> Timeline:
    """Show how evaluations came out over time, on one page: versions across, bands, changes, cases that flipped.

    It is made of the runs in the store, and of the baselines that each commit recorded in reports/baselines. No model
    is asked.

    \b
    Examples:
      steelyard history
      steelyard history --output history.html --json
    """
    from harness.gate.baselines.timeline import timeline
    from harness.reporting.history.page import write_history
    from harness.store.location import settings_with_store

    if output == "-":
        raise SettingsError("--output -: the page is a file; name one, such as history.html.")
    settings, store = settings_with_store(place), None
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(settings))
        except StoreError as error:  # a fresh clone has what was recorded
            if place is not None:
                raise
            say(("note", str(error)), err=True)
        shown = timeline(store, settings.root, settings.confidence_level)
    if not shown.trends:
        why = "no finished run is stored, and no baseline recorded. Run pytest first"
        why = "all is sealed, broken off, decided by people, or of some cases alone" if shown.versions else why
        raise SettingsError(f"Nothing to show: {why}.")
    path = write_history(shown, settings.root / _PAGE if output is None else Path.cwd() / output)
    say(("wrote", str(path)), err=True)
    return shown


def _rank_view(ranking: Ranking) -> Iterator[Block]:
    from harness.reporting.shared.figures import digits, figure, plural
    from harness.reporting.shared.names import display_names

    names = display_names(each.id for each in ranking.evaluations)
    for each in ranking.evaluations:
        about = "these cases" if each.about == "suite" else "cases like these"
        what = f"{each.metric} in {each.unit}" if each.unit else each.metric
        cut = "" if each.n_cases == each.suite_size else f" of {each.suite_size:,} (gates stop once they are decided)"
        yield (f"{names[each.id]} {what}, {plural(each.n_cases, 'case')}{cut}, about {about}",)
        places = digits([one.value for one in each.versions], unit=each.unit)
        for one in each.versions:
            ranks = f"{one.lowest}" if one.lowest == one.highest else f"{one.lowest} to {one.highest}"
            yield f"  {ranks}", one.name, figure(one.value, places)
        yield from ((f"  left out: {name}: {why}",) for name, why in each.left_out.items())
    yield (f"all ranks together are right at least {100 * ranking.confidence_level:g} times in 100",)


@click.command()
@click.argument("versions", metavar="VERSION…", nargs=-1)
@with_store()
@shows(_rank_view)
def rank(store: Store, versions: tuple[str, ...]) -> Ranking:
    """Rank VERSIONs by what is stored: "1 to 2" may be the best or the second. No model is asked.

    Each is a version, by the newest finished run that weighed it, or a run's candidate, by its id or the beginning of
    it. Versions are compared in pairs, case by case. One that was not run on the same cases as the first is left out,
    and named.

    \b
    Example:
      steelyard rank smollm2 smollm2-int8 smollm2-fp8
    """
    from harness.gate.history.ranking import rank as ranked
    from harness.gate.history.runs import find_version, stored_report
    from harness.gate.history.scores import Side

    runs = store.runs()
    weighed = {name: find_version(runs, name) for name in versions}
    if len(weighed) < 2:
        raise UsageError("Name two versions or more: steelyard rank smollm2 smollm2-int8.")
    return ranked(store, {name: Side(each, stored_report(store, each.run.run_id)) for name, each in weighed.items()})
