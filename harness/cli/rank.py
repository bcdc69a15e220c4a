"""`steelyard rank`: stored versions in order, each with the ranks that it may have."""

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
        unit = f" in {each.unit}" if each.unit else ""
        about = "these cases" if each.about == "suite" else "cases like these"
        yield (f"{names[each.id]} {each.metric}{unit}, about {about}: {plural(each.n_cases, 'case')}",)
        places = digits([version.value for version in each.versions], unit=each.unit)
        for one in each.versions:
            ranks = f"{one.lowest}" if one.lowest == one.highest else f"{one.lowest} to {one.highest}"
            yield f"  {ranks}", one.name, figure(one.value, places)
        yield from ((f"  left out: {name}, {why}",) for name, why in each.left_out.items())
        yield ""
    yield (f"all ranks together are right at least {100 * ranking.confidence_level:g} times in 100",)


@click.command()
@click.argument("versions", metavar="VERSION…", nargs=-1)
@with_store()
@click.option("--on", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@shows(_view)
def rank(store: Store, versions: tuple[str, ...], on: str | None) -> Ranking:
    """Rank VERSIONs by what is stored: "1 to 2" is a version that may be the best or the second. No model is asked.

    Each is a version's name, which stands for the newest finished run that weighed it, or a run, by its id or the
    beginning of it, which stands for its candidate. Versions are compared in pairs, case by case, and all ranks that
    are shown hold together. One that was not run on the same cases as the first is left out, and named.

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

    runs, sides = store.runs(), dict[str, Side]()
    for text in versions:
        weighed = find_version(runs, text)
        name = weighed.version.name
        name = f"{name} of {weighed.run.run_id}" if name in sides else name
        if any(weighed == each.weighed for each in sides.values()):
            raise UsageError(f"{text!r} is {weighed}, which is named already. Name each version once.")
        sides[name] = Side(weighed, stored_report(store, weighed.run.run_id))
    if len(sides) < 2:
        raise UsageError("Name two versions or more: steelyard rank smollm2 smollm2-int8.")
    ids = dict.fromkeys(entry.id for side in sides.values() for entry in side.report.evaluations)
    return ranked(store, sides, None if on is None else find_evaluations(on, ids, where="--on"))
