"""`steelyard accept`: a red or inconclusive evaluation is accepted until a day, in a file that is committed."""

from __future__ import annotations

from collections.abc import Iterable

import click

from harness.cli.console import say
from harness.cli.stores import open_store, settings_with_store
from harness.config.waivers import FILE_NAME, checked_waiver, read_waivers, today, write_waivers
from harness.errors import SettingsError, UsageError
from harness.reporting.shared.names import find_evaluations
from harness.store import Store


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in a line that every report shows.")
@click.option("--until", metavar="DATE", help="The last day, YYYY-MM-DD, at most 90 days from now.")
@click.option("--list", "is_list", is_flag=True, help="Show what is accepted, and what was.")
@click.option("--remove", is_flag=True, help="Accept EVALUATION no more.")
@click.argument("evaluation", required=False)
def accept(
    reason: str | None,
    until: str | None,
    is_list: bool,
    remove: bool,
    evaluation: str | None,
) -> None:
    """Accept an EVALUATION of a stored run until a day, whatever it comes to: a waiver in steelyard.waivers.toml.

    It keeps its verdict: a gate whose every red or inconclusive evaluation is accepted is still called RED or
    INCONCLUSIVE, on every report, with the reason and the day, and its exit code is 0. An error is never accepted. With
    the end of that day (UTC) the waiver is over by itself. EVALUATION is an id as reports have it, or the name of its
    test function. To change a waiver, accept again.

    \b
    Examples:
      steelyard accept test_greeting --reason "copy changes, see #12" --until 2026-12-15
      steelyard accept --list
      steelyard accept --remove test_greeting
    """
    settings, day = settings_with_store(None), today()
    waivers = {each.evaluation_id: each for each in read_waivers(settings.root, day)}
    if is_list:
        say(*(f"{each.evaluation_id} {each}" for each in waivers.values()) if waivers else ("nothing is accepted",))
        return
    if evaluation is None or not (remove or (reason and until)):
        raise UsageError("Name an EVALUATION with --reason and --until, or with --remove; --list shows what there is.")
    if remove:
        gone = waivers.pop(_only(evaluation, waivers))
        told = f"removed   {gone.evaluation_id} from {FILE_NAME}: commit that"
    else:
        with open_store(settings, readonly=True) as store:
            identity = _only(evaluation, _evaluations(store))
        new = waivers[identity] = checked_waiver(identity, reason or "", until or "", day)
        told = f"accepted  {identity} until {new.until}, in {FILE_NAME}: commit it"
    write_waivers(settings.root, waivers.values())
    say(told)


def _evaluations(store: Store) -> dict[str, None]:
    """The ids of the evaluations of all stored runs."""
    datasets = (each for run in store.runs() for each in run.spec.get("datasets", ()))
    return dict.fromkeys(str(identity) for each in datasets for identity in each["evaluations"])


def _only(name: str, known: Iterable[str]) -> str:
    """The one evaluation that is called so. Raises SettingsError: there is none, or several."""
    found = find_evaluations(name, known, where="steelyard accept")
    if len(found) > 1:
        raise SettingsError(f"{name!r} may be {', '.join(found)}: accept one of them at a time.")
    return found[0]
