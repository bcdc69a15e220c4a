"""`steelyard bisect`: which version of a series made a suite worse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import open_store, place_option, say, shows
from harness.config.repository import Repository
from harness.config.versions import GIT, REGISTERED
from harness.errors import SettingsError
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block
from harness.store.location import settings_with_store

if TYPE_CHECKING:
    from harness.gate.history.bisection import Bisection, Measured

_SHOWN = 10


def _view(found: Bisection) -> Iterator[Block]:
    wrong, n_left = f"{100 * (1 - found.confidence_level):g} times in 100", len(found.possible)
    steps = f"{n_left} of {plural(found.n_versions - 1, 'version')}"
    heads = {
        "found": f"{steps} may be the first that is worse; it is another at most {wrong}, if there is one step",
        "no single step": f"the decline is spread: {found.between} lies between both ends",
    }
    yield "bisect ", heads.get(found.outcome, found.outcome)
    yield from (("       ", name) for name in found.possible[:_SHOWN])
    yield "scores ", f"{found.good:.3f} at first, {found.bad:.3f} at last, over {plural(found.n_cases, 'case')}"
    cost = "" if found.cost is None else f", for {found.cost:.4g}"
    yield "samples", f"{found.n_samples:,} of {plural(len(found.rounds), 'version')}, {found.n_drawn:,} drawn now{cost}"
    yield from (("skipped", f"{name}: {why}") for name, why in found.skipped.items())
    if found.rounds_needed is not None:
        yield "needs  ", f"some {found.rounds_needed:,} samples of each case of both ends, if the drop is as seen"


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(each), "") if each.isdigit() else (-1, each) for each in re.split(r"(\d+)", name)]


def _series(versions: str) -> dict[str, tuple[str, str]]:
    """The versions of a series by what they are called, each with its name for pytest and the weights that it has."""
    if found := re.fullmatch(rf"({REGISTERED}[^/]+)/(\d+)\.\.(\d+)", versions):
        numbers = range(int(found[2]), int(found[3]) + 1)
        addresses = [f"{found[1]}/{number}" for number in numbers]
        series = {each: (each.removeprefix(REGISTERED), each) for each in addresses}
    elif ".." in versions.strip("./"):
        good, _, bad = versions.rpartition("..")
        repository = Repository(Path.cwd(), versions)
        series = {f"{each[:12]} {rest}": (GIT + each, "") for each, rest in repository.series(good, bad or "HEAD")}
    elif (folder := Path(versions)).is_dir():
        holds = ("config.json", "adapter_config.json")
        paths = [each for each in folder.resolve().iterdir() if any((each / name).is_file() for name in holds)]
        paths.sort(key=lambda each: _natural(each.name))
        series = {each.name: (each.name, str(each)) for each in paths}
    else:
        raise SettingsError(f"{versions!r} is no series: write GOOD..BAD of git, FOLDER of checkpoints, or models:/NAME/1..9.")
    if len(series) < 2:
        raise SettingsError(f"{versions} holds {plural(len(series), 'version')}; a step lies between two or more.")
    return series


@click.command()
@click.argument("versions")
@click.argument("suite", nargs=-1, required=True)
@place_option
@click.option("-k", "keyword", metavar="EXPRESSION", help="Only evaluations that match, as pytest has it.")
@click.option("--samples", metavar="N", type=click.IntRange(1), help="Of a case, at first.  [default: the settings']")
@click.option("--max-samples", metavar="N", type=click.IntRange(1), default=20_000, show_default=True, help="Of all.")
@shows(_view)
def bisect(
    versions: str, suite: tuple[str, ...], place: str | None, keyword: str | None, samples: int | None, max_samples: int
) -> Bisection:
    """Find the version that made SUITE worse: the first of VERSIONS is good, and the last is bad.
    """
    from harness.gate.history.bisection import Bisection, measured
    from harness.plugin.measuring import measure
    from harness.store import store_url

    settings, series = settings_with_store(place), _series(versions)
    settings = replace(settings, store=store_url(settings))
    given = [*suite, "--store", store_url(settings), *(["-k", keyword] if keyword else [])]

    def ask(name: str, n_samples: int) -> Measured | str:
        report = measure(*series[name], [*given, "--samples", str(n_samples)])
        if isinstance(report, str):
            return report
        with open_store(settings) as store:
            return measured(store, report)

    def tell(text: str) -> None:
        say(text, err=True)

    first, level = samples or settings.samples, settings.confidence_level
    search = Bisection([*series], level, first, max_samples, ask, tell)
    search.run()
    return search
