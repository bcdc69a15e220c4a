"""`steelyard baseline`: a stored run's scores become a file, as a baseline or as the anchor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from harness.cli import Group
from harness.cli.console import run_argument, say, with_store
from harness.config.settings import Settings, load_settings
from harness.errors import some
from harness.gate.baselines.promotion import ANCHOR, promoted
from harness.gate.baselines.recording import (
    Recording,
    left_out,
    recorded_path,
    recording_of,
    too_few_samples,
    write_recording,
)
from harness.gate.history.runs import find_version, stored_report
from harness.records import Report
from harness.reporting.shared.figures import plural
from harness.store import Store


@click.group(cls=Group)
def baseline() -> None:
    """Record a finished run: a file in reports/baselines that is reviewed and committed like a snapshot.

    A gate against it asks no baseline model: `pytest … --baseline NAME`. The anchor is what all candidates are weighed
    against beside it, however baselines move: `anchor = "anchor"` in the settings.

    \b
    Examples:
      steelyard baseline record latest --name released
      steelyard baseline promote latest --reason "release 1.3"
    """


@baseline.command()
@with_store()
@click.option("--name", metavar="NAME", help="What it is called; default: the candidate's version name.")
@click.option("--force", is_flag=True, help="Overwrite a recording of this name that holds something else.")
@run_argument
def record(store: Store, name: str | None, force: bool, run_name: str) -> None:
    """Write the scores of a RUN's candidate to reports/baselines/NAME.json.

    RUN is the id of a run, the beginning of it, `latest` (the default), or the name of a version: the newest run that
    has it as its candidate. A run with errors is refused, and so is one that was interrupted or stopped as soon as it
    was decided, for its scores lean one way. Draw for a baseline with pytest --for-baseline: everything, and more
    samples than a gate draws, for they are drawn once and used many times.

    \b
    Examples:
      pytest suites --candidate smollm2 --for-baseline
      steelyard baseline record --name released
    """
    settings, weighed = load_settings(Path.cwd()), find_version(store.runs(), run_name, ("candidate",))
    report = stored_report(store, weighed.run.run_id)
    path = recorded_path(settings, name or weighed.version.name)
    recording = recording_of(store, weighed, report, path.stem)
    is_new = write_recording(recording, path, force=force)
    option = recording.name
    if option in settings.versions:  # the name alone is a version's
        option = f"{option}.json   ({option!r} alone is the version)"
    red = [each for each in report.evaluations if each.verdict.is_red]
    say(
        *_lines(settings, recording, report, path, is_new=is_new),
        *(("note", f"its gate was red: {each.id} {each.verdict} ({each.reason})") for each in red),
        ("next", f"pytest … --baseline {option}"),
    )


@baseline.command()
@with_store()
@click.option("--reason", metavar="TEXT", required=True, help="Why, in a line that stays in the file.")
@run_argument
def promote(store: Store, reason: str, run_name: str) -> None:
    """Make a RUN's candidate the anchor: reports/baselines/anchor.json, with the reason and what it was before.

    RUN is as `record` has it. It must be green, or accepted, and so must the newest gate of this version: an anchor
    that follows a loss holds nothing. To anchor what lost on purpose, accept the loss first (`steelyard accept`).

    \b
    Examples:
      pytest suites --for-baseline
      steelyard baseline promote --reason "release 1.3"
    """
    settings, weighed = load_settings(Path.cwd()), find_version(store.runs(), run_name, ("candidate",))
    report = stored_report(store, weighed.run.run_id)
    path, at = recorded_path(settings, ANCHOR), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    recording = promoted(recording_of(store, weighed, report, ANCHOR), store, path, reason, at)
    write_recording(recording, path, force=True)
    before = [*recording.history.values()][:-1]
    name = f"{ANCHOR}.json" if ANCHOR in settings.versions else ANCHOR
    is_set = settings.anchor in (ANCHOR, f"{ANCHOR}.json")
    say(
        *_lines(settings, recording, report, path),
        *(("before", f"{each.version} of run {each.run_id}: {each.reason}") for each in before[-1:]),
        ("next", "commit the file" if is_set else f'commit the file, and write anchor = "{name}" in {settings.place}'),
    )


def _lines(
    settings: Settings, recording: Recording, report: Report, path: Path, *, is_new: bool = True
) -> Iterator[tuple[str, str]]:
    """What was written, and what is to be known of it."""
    evaluations = recording.evaluations
    n_cases, n_bytes = sum(len(each.cases) for each in evaluations.values()), path.stat().st_size
    source = f"{recording.version.name}, run {recording.run_id}"
    what = f"{plural(len(evaluations), 'evaluation')}, {plural(n_cases, 'case')} of {source}"
    size = f"{n_bytes:,} bytes, {n_bytes / max(1, n_cases):.0f} a case"
    place = f"{path.relative_to(settings.root)}{'' if is_new else ', the same is there already'}"
    yield "wrote " if is_new else "found ", f"{place}   {what} ({size})"
    for identity, each in evaluations.items():
        if text := too_few_samples(each, settings.samples):
            yield "warning", f"{identity}: {text}"
    is_sealed = {each.id: each.plan.candidates == "sealed" for each in report.evaluations}
    if sealed := [name for name in evaluations if is_sealed.get(name)]:
        yield "warning", f"{some(sealed)}: sealed, and who reads this file sees the ids and the scores of its cases"
    for name in left_out(report, recording):
        yield "note", f"{name}: its bodies compare with a baseline themselves: left out"
    for note in report.notes:
        if note.kind in ("problem", "version", "draws", "suite"):
            yield "note", note.text
    if recording.first_index == 0 and any(each.checks for each in report.evaluations):
        yield (
            "note",
            "its samples are those that it was weighed by, and one that passed by luck looks better than it is: record "
            "a run of pytest --for-baseline, which draws others",
        )
