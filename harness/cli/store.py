"""`steelyard store`: what is stored, all answers of a case, removing a part of it, and bringing another store in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import Group
from harness.cli.console import say, shows
from harness.cli.stores import open_store, settings_with_store, store_option
from harness.config.settings import Settings
from harness.config.typed import Duration, check
from harness.errors import SettingsError, UsageError, choices
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block, printable

if TYPE_CHECKING:
    from harness.cli.answers import CaseAnswers
    from harness.store import PruneSummary, StoreInfo, VersionInfo

_SHOWN_DIGITS = 12
_FEWEST_DIGITS = 4


@click.group(cls=Group)
def store() -> None:
    """Look at the store of samples, scores and runs, at the answers of a case, prune it, or merge another one into it.

    The store is the one of the settings; each command takes --store for another, by path or by URL.

    \b
    Examples:
      steelyard store info
      steelyard store show peru
      steelyard store prune --older-than 30d
      steelyard store merge ../other/.steelyard/store.db
    """


def _view(held: StoreInfo) -> Iterator[Block]:
    from rich.filesize import decimal

    yield f"store    {held.url}"
    yield "size   ", f"{decimal(held.size_bytes)}, schema version {held.schema_version}"
    counts = f"{plural(held.runs, 'run')}, {plural(held.scores, 'score')}"
    yield "holds  ", f"{plural(held.samples, 'sample')} of {plural(held.requests, 'request')}, {counts}"
    if held.oldest is not None and held.newest is not None:
        yield "drawn  ", f"{_date(held.oldest)} to {_date(held.newest)}"
    if held.versions:
        rows: list[tuple[str, ...]] = [("version", "fingerprint", "samples", "generations", "newest")]
        for each in held.versions:
            name, digits = printable(", ".join(each.names) or "-", 30), each.fingerprint[:_SHOWN_DIGITS]
            newest = "-" if each.newest is None else _date(each.newest)[:10]
            rows.append((name, digits, f"{each.samples:,}", f"{each.generations:,}", newest))
        yield ""
        yield rows


@store.command()
@store_option
@shows(_view, "Write JSON, with whole fingerprints and times in epoch seconds.")
def info(place: str | None) -> StoreInfo:
    """Show what the store holds: runs, scores, and the samples of each version.

    \b
    Examples:
      steelyard store info
      steelyard store info --json
    """
    with open_store(settings_with_store(place), readonly=True) as opened:
        return opened.info()


@store.command()
@store_option
@click.option("--run", "run_name", metavar="RUN", help="An id or its beginning, `latest`, or a version's name.")
@click.argument("case_id", metavar="CASE")
@shows("harness.cli.answers:view", "Write JSON, with whole answers.")
def show(place: str | None, run_name: str | None, case_id: str) -> CaseAnswers:
    """Show every answer to CASE, the id of a case, with its scores and the reasons for them.

    They are those of the newest run that has scores of it, or of --run.

    \b
    Examples:
      steelyard store show peru
      steelyard store show peru --run 20261124-161500 --json
    """
    from harness.cli.answers import find_answers

    with open_store(settings_with_store(place), readonly=True) as opened:
        return find_answers(opened, case_id, run_name)


@store.command()
@store_option
@click.option("--older-than", metavar="AGE", help='Stored longer ago than this: "12h", "30d", "8w".')
@click.option(
    "--version",
    "versions",
    metavar="NAME",
    multiple=True,
    help="Of this version, by name or by the first digits of its fingerprint. May be repeated.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(place: str | None, older_than: str | None, versions: tuple[str, ...], yes: bool) -> None:
    """Remove stored samples that meet every condition given; shows what would go, and asks.

    With --older-than alone, runs that began longer ago go too, with their scores and reports. Labels of what is removed
    decide no gate any more.

    \b
    Examples:
      steelyard store prune --older-than 30d
      steelyard store prune --version smollm2-pruned --yes
    """
    if older_than is None and not versions:
        raise UsageError(
            "Nothing says what to prune. Give --older-than 30d or --version NAME, or both for what meets both."
        )
    age_s = None if older_than is None else check(Duration, older_than, "--older-than", where="store prune")
    from rich.filesize import decimal

    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        fingerprints = _fingerprints(versions, opened.info().versions, settings) if versions else None
        doomed = opened.prunable(older_than_s=age_s, fingerprints=fingerprints)
    if doomed.nothing:
        say(f"Nothing in {opened.url} meets that.")
        return
    say(f"{_counted(doomed)} would go from {opened.url}.")
    if doomed.looks:
        say(
            f"{plural(doomed.looks, 'look')} at evaluations {'rests' if doomed.looks == 1 else 'rest'} on samples "
            "of these versions. Weighed again, each verdict will say that samples were pruned after a look."
        )
    if not yes:
        click.confirm("Remove them for good?", abort=True)
    with open_store(settings) as opened:
        gone = opened.prune(fingerprints=fingerprints, as_of=doomed)
    say(f"Removed {_counted(gone)}; {decimal(gone.freed_bytes)} given back.")


@store.command()
@store_option
@click.argument("other")
def merge(place: str | None, other: str) -> None:
    """Bring in what the store OTHER holds, a path or a URL. OTHER is only read, and what is here stays.

    Where both stores drew the same sample, that of here stays, and the other's runs come with their scores but without
    that answer. Runs come once they have ended. Merging again brings in what is new since.

    \b
    Examples:
      steelyard store merge ../other/.steelyard/store.db
      steelyard store merge --store postgresql://ann@db/steelyard .steelyard/store.db
    """
    settings = settings_with_store(place)
    source = other if "://" in other else str(Path(other).expanduser().absolute())
    with open_store(replace(settings, store=source), readonly=True) as theirs, open_store(settings) as ours:
        merged = ours.merge(theirs)
        url = ours.url
    parts = [plural(merged.samples, "sample"), plural(merged.runs, "run"), plural(merged.scores, "score")]
    parts += [plural(merged.labels, "label")] if merged.labels else []
    say(f"Brought {', '.join(parts)} into {url}.")
    if merged.left:
        say(f"Left there, since both stores drew the same: {plural(merged.left, 'sample')}.")
    if merged.labels_left:
        say(f"Left there, of items that only a gate there drew: {plural(merged.labels_left, 'label')}.")
    if merged.overdrawn:
        say(
            f"Looked at in both stores: {plural(merged.overdrawn, 'evaluation')}. Their verdicts together may be "
            "wrong more often than 5 times in 100; let gates of one candidate share a store."
        )


def _fingerprints(wanted: tuple[str, ...], stored: tuple[VersionInfo, ...], settings: Settings) -> list[str]:
    """The fingerprints that names or first digits mean: first what runs called so, then what the settings do.

    Messages name a version as runs do, and by its first digits only where none did.
    """
    found: set[str] = set()
    for name in wanted:
        matching = {version.fingerprint for version in stored if name in version.names}
        if not matching and name in settings.versions:
            matching = {_fingerprint(name, settings)}
        if not matching and len(name) >= _FEWEST_DIGITS:
            begun = [version for version in stored if version.fingerprint.startswith(name)]
            matching = {version.fingerprint for version in begun}
            if len(matching) > 1:
                named = ", ".join(" ".join((each.fingerprint[:_SHOWN_DIGITS], *each.names)) for each in begun)
                raise UsageError(f"{name!r} begins several fingerprints; write more digits, or a name: {named}.")
        if not matching:
            known = {each for version in stored for each in version.names or (version.fingerprint[:_SHOWN_DIGITS],)}
            raise SettingsError(choices("version", name, {*known, *settings.versions}))
        found |= matching
    return sorted(found)


def _fingerprint(name: str, settings: Settings) -> str:
    from harness.models.version import load_version
    from harness.stages.building import version_named

    return load_version(version_named(settings, name), settings.root, offline=True).fingerprint


def _counted(pruned: PruneSummary) -> str:
    parts = [plural(pruned.samples, "sample"), plural(pruned.requests, "request")]
    if pruned.runs:
        parts += [plural(pruned.runs, "run"), plural(pruned.scores, "score")]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _date(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(epoch_s))
