"""`steelyard rank`: stored versions in order, with the ranks that each may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from harness.cli.console import shows, with_store

if TYPE_CHECKING:
    from harness.gate.history.ranking import Ranking
    from harness.reporting.shared.text import Block
    from harness.store import Store


def _view(ranking: Ranking) -> Iterator[Block]:
    from harness.reporting.shared.figures import digits, figure, plural
    from harness.reporting.shared.names import display_names

    names = display_names(each.id for each in ranking.evaluations)
    for each in ranking.evaluations:
        about = "these cases" if each.about == "suite" else "cases like these"
        what = f"{each.metric} in {each.unit}" if each.unit else each.metric
        yield (f"{names[each.id]} {what}, {plural(each.n_cases, 'case')}, about {about}",)
        places = digits([one.value for one in each.versions], unit=each.unit)
        for one in each.versions:
            ranks = f"{one.lowest}" if one.lowest == one.highest else f"{one.lowest} to {one.highest}"
            yield f"  {ranks}", one.name, figure(one.value, places)
        yield from ((f"  left out: {name}: {why}",) for name, why in each.left_out.items())
    yield (f"all ranks together are right at least {100 * ranking.confidence_level:g} times in 100",)


@click.command()
@click.argument("versions", metavar="VERSION…", nargs=-1)
@with_store()
@click.option("--on", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@shows(_view)
def rank(store: Store, versions: tuple[str, ...], on: str | None) -> Ranking:
    """Rank VERSIONs by what is stored: "1 to 2" may be the best or the second. No model is asked.

    Each is a version, by the newest finished run that weighed it, or a run's candidate, by its id or the beginning of
    it. Versions are compared in pairs, case by case. One that was not run on the same cases as the first is left out,
    and named.

    \b
    Examples:
      steelyard rank smollm2 smollm2-int8 smollm2-fp8
      steelyard rank smollm2 smollm2-int8 --on '*capitals*' --json
    """
    from harness.errors import UsageError
    from harness.gate.history.ranking import rank as ranked
    from harness.gate.history.runs import find_version, stored_report
    from harness.gate.history.scores import Side
    from harness.reporting.shared.names import find_evaluations

    runs = store.runs()
    weighed = {name: find_version(runs, name) for name in versions}
    if len(weighed) < 2:
        raise UsageError("Name two versions or more: steelyard rank smollm2 smollm2-int8.")
    sides = {name: Side(each, stored_report(store, each.run.run_id)) for name, each in weighed.items()}
    ids = [entry.id for side in sides.values() for entry in side.report.evaluations]
    return ranked(store, sides, None if on is None else find_evaluations(on, ids, where="--on"))
