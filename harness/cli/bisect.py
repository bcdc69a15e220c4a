"""`steelyard bisect`: which version of a series made a suite worse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import open_store, place_option, say, shows
from harness.config.repository import Repository
from harness.config.versions import GIT, REGISTERED
from harness.errors import SettingsError
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block
from harness.store.location import settings_with_store, store_url

if TYPE_CHECKING:
    from harness.gate.history.bisection import Bisection, Measured

_FEWEST, _MOST = 5, 20_000
CHECKPOINT = "CHECKPOINT"
"""The variable that stands for a checkpoint in the settings."""


def _view(search: Bisection) -> Iterator[Block]:
    wrong = f"wrong at most {100 * (1 - search.confidence_level):g} times in 100, if there is one step"
    places = f"the first worse one is among {len(search.possible)} of {len(search.versions) - 1}; {wrong}"
    yield "outcome", search.outcome if search.exit_code else places
    yield from (("       ", name) for name in search.possible)
    yield "scores ", f"{search.good:.3f} at first, {search.bad:.3f} at last, over {plural(search.n_cases, 'case')}"
    n_distinct = plural(len({*search.fingerprints.values()}), "version")
    yield "samples", f"{search.n_samples:,} of {n_distinct}; {search.n_drawn:,} drawn now"
    yield from (("skipped", f"{name}: {why}") for name, why in search.skipped.items())


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(each), "") if each.isdigit() else (-1, each) for each in re.split(r"(\d+)", path.name)]


def _series(text: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The versions of a series by what they are called: arguments of pytest and variables that each is asked by."""
    series: dict[str, tuple[list[str], dict[str, str]]]
    if numbers := re.fullmatch(rf"({REGISTERED}[^/]+)/(\d+)\.\.(\d+)", text):
        addresses = [f"{numbers[1]}/{number}" for number in range(int(numbers[2]), int(numbers[3]) + 1)]
        series = {each: ([], {CHECKPOINT: each}) for each in addresses}
    elif (folder := Path(text).resolve()).is_dir():
        paths = [path for path in folder.iterdir() if re.search(r"\d", path.name)]
        series = {path.name: ([], {CHECKPOINT: str(path)}) for path in sorted(paths, key=_natural)}
    elif ends := re.fullmatch(r"(.*[^.])\.\.([^.].*|)", text):
        commits = Repository(Path.cwd(), text).series(ends[1], ends[2] or "HEAD")
        series = {f"{commit[:12]} {about}": (["--candidate", GIT + commit], {}) for commit, about in commits}
    else:
        raise SettingsError(f"{text!r} is no series: write GOOD..BAD, a FOLDER of checkpoints or models:/NAME/1..9.")
    if len(series) < 2:
        raise SettingsError(f"{text} has {plural(len(series), 'version')}: a step lies between two or more.")
    return series


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("versions")
@click.argument("suite", nargs=-1, required=True, type=click.UNPROCESSED, metavar="SUITE [PYTEST OPTION]...")
@place_option
@click.option("--samples", metavar="N", type=click.IntRange(1), help="Of a case of a version, at first.  [default: 5]")
@click.option("--max-samples", metavar="N", type=click.IntRange(1), default=_MOST, show_default=True, help="Of all.")
@shows(_view)
def bisect(
    versions: str, suite: tuple[str, ...], place: str | None, samples: int | None, max_samples: int
) -> Bisection:
    """Find which of VERSIONS made SUITE worse: a set of them that misses it at most 5 times in 100.

    VERSIONS is GOOD..BAD of git, along first parents; a FOLDER of checkpoints, by the numbers in their names; or
    models:/NAME/1..9 of MLflow's registry. The candidate of the settings is measured, as it was at a commit; or with a
    checkpoint as the variable of its `weights = "${CHECKPOINT}"`. Sessions of pytest on SUITE draw what it takes: they
    decide nothing and are no looks. Stored samples are used, so that the same command goes on where it was stopped.

    Exit code: 0 with a set, 8 without one, 4 for what can't be.

    \b
    Examples:
      steelyard bisect v1.2..main suites
      steelyard bisect checkpoints suites/test_support.py -k orders
    """
    from harness.gate.history.bisection import Bisection, measured
    from harness.plugin.measuring import measure

    settings, series = settings_with_store(place), _series(versions)
    written = settings.source.read_text("utf-8") if settings.source else ""
    if any(variables for _, variables in series.values()) and f"${{{CHECKPOINT}" not in written:
        what = f'a version there needs weights = "${{{CHECKPOINT}}}"'
        raise SettingsError(f"{settings.place} has no ${{{CHECKPOINT}}}, which stands for each of {versions}: {what}.")

    given = [*suite, "--for-baseline", *([f"--store={store_url(settings)}"] if place else [])]

    def ask(name: str, n_samples: int) -> Measured | str:
        arguments, variables = series[name]
        report = measure([*given, *arguments, "--samples", str(n_samples)], variables, tell)
        if isinstance(report, str):
            return report
        with open_store(settings) as store:
            return measured(store, report)

    def tell(text: str) -> None:
        say((text,), err=True)

    names, first = [*series], samples or max(_FEWEST, settings.samples)
    tell(f"{plural(len(names), 'version')}, from {names[0]} to {names[-1]}")
    tell(f"at most {max_samples:,} samples; a drop of 0.05 takes some 12,000, of 0.10 4,000, of 0.20 1,500")
    search = Bisection(names, settings.confidence_level, first, max_samples, ask, tell)
    search.run()
    return search
