"""`steelyard store`: what is stored, all answers of a case, removing a part of it, and bringing another store in."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.lazy_group import LazyGroup
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.config.settings import Settings
from harness.config.typed import Duration, check
from harness.errors import SettingsError, UsageError, choices
from harness.reporting.shared.figures import plural

if TYPE_CHECKING:
    from harness.store import PruneSummary, StoreInfo, VersionInfo

_SHOWN_DIGITS = 12
_FEWEST_DIGITS = 4


@click.group(cls=LazyGroup)
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


@store.command()
@store_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with whole fingerprints and times in epoch seconds.")
def info(place: str | None, as_json: bool) -> None:
    """Show what the store holds: runs, scores, and the samples of each version.

    \b
    Examples:
      steelyard store info
      steelyard store info --json
    """
    with open_store(settings_with_store(place), readonly=True) as opened:
        held = opened.info()
    click.echo(json.dumps(asdict(held), indent=2) if as_json else "\n".join(_lines(held)))


@store.command()
@store_option
@click.option("--run", "run_name", metavar="RUN", help="An id or its beginning, `latest`, or a version's name.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with whole answers.")
@click.argument("case_id", metavar="CASE")
def show(place: str | None, run_name: str | None, as_json: bool, case_id: str) -> None:
    """Show every answer to CASE, the id of a case, with its scores and the reasons for them.

    They are those of the newest run that has scores of it, or of --run.

    \b
    Examples:
      steelyard store show peru
      steelyard store show peru --run 20261124-161500 --json
    """
    from harness.cli.answers import answer_lines, answers_json, find_answers

    with open_store(settings_with_store(place), readonly=True) as opened:
        run, answers = find_answers(opened, case_id, run_name)
    if as_json:
        click.echo(json.dumps(answers_json(run, case_id, answers), indent=2))
    else:
        click.echo("\n".join(answer_lines(run, answers, sys.stdout.encoding or "utf-8")))


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
    with open_store(settings) as opened:
        held = opened.info().versions
        conditions: dict[str, Any] = {
            "older_than_s": age_s,
            "fingerprints": _fingerprints(versions, held, settings) if versions else None,
        }
        doomed = opened.prune(**conditions, dry_run=True)
        if doomed.nothing:
            click.echo(f"Nothing in {opened.url} meets that.")
            return
        click.echo(f"{_counted(doomed)} would go from {opened.url}.")
        if doomed.looks:
            click.echo(
                f"{plural(doomed.looks, 'look')} at evaluations {'rests' if doomed.looks == 1 else 'rest'} on samples "
                "of these versions. Weighed again, each verdict will say that samples were pruned after a look."
            )
        if not yes:
            click.confirm("Remove them for good?", abort=True)
        gone = opened.prune(**conditions)
    click.echo(f"Removed {_counted(gone)}; {decimal(gone.freed_bytes)} given back.")


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
    click.echo(f"Brought {', '.join(parts)} into {url}.")
    if merged.left:
        click.echo(f"Left there, since both stores drew the same: {plural(merged.left, 'sample')}.")
    if merged.labels_left:
        click.echo(f"Left there, of items that only a gate there drew: {plural(merged.labels_left, 'label')}.")
    if merged.overdrawn:
        click.echo(
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
    from harness.stages.building import found

    return load_version(found(settings, name), settings.root, offline=True).fingerprint


def _lines(held: StoreInfo) -> list[str]:
    from rich.filesize import decimal

    lines = [
        f"store    {held.url}",
        f"size     {decimal(held.size_bytes)}, schema version {held.schema_version}",
        f"holds    {plural(held.samples, 'sample')} of {plural(held.requests, 'request')}, "
        f"{plural(held.runs, 'run')}, {plural(held.scores, 'score')}",
    ]
    if held.oldest is not None and held.newest is not None:
        lines.append(f"drawn    {_date(held.oldest)} to {_date(held.newest)}")
    if held.versions:
        lines += ["", *_table(held.versions)]
    return lines


def _table(versions: tuple[VersionInfo, ...]) -> list[str]:
    from harness.reporting.shared.text import cells, pad, printable

    encoding = sys.stdout.encoding or "utf-8"
    names = [printable(", ".join(version.names) or "-", 30, encoding=encoding) for version in versions]
    width = max(len("version"), *map(cells, names))
    lines = [f"{'version':<{width}}  {'fingerprint':<{_SHOWN_DIGITS}}     samples  generations  newest"]
    for version, name in zip(versions, names, strict=True):
        newest = "-" if version.newest is None else _date(version.newest)[:10]
        lines.append(
            f"{pad(name, width)}  {version.fingerprint[:_SHOWN_DIGITS]:<{_SHOWN_DIGITS}}  "
            f"{version.samples:>10,}  {version.generations:>11}  {newest}"
        )
    return lines


def _counted(pruned: PruneSummary) -> str:
    parts = [plural(pruned.samples, "sample"), plural(pruned.requests, "request")]
    if pruned.runs:
        parts += [plural(pruned.runs, "run"), plural(pruned.scores, "score")]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _date(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(epoch_s))
