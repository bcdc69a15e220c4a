"""`steelyard baseline record`: a finished run's scores as a file that is committed, to gate against later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.shared.layout import terminal_layout
from harness.cli.shared.stored import open_store, settings_with_store, store_option

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import Recording


@click.group()
def baseline() -> None:
    """Record a finished run as a baseline: a file in reports/baselines that is reviewed and committed like a snapshot.

    A gate against it asks no baseline model: `pytest … --baseline NAME`.

    \b
    Example:
      steelyard baseline record latest --name released
    """


@baseline.command()
@store_option
@click.option("--name", metavar="NAME", help="What it is called; default: the candidate's version name.")
@click.option("--force", is_flag=True, help="Overwrite a recording of this name that holds something else.")
@click.argument("run_name", metavar="[RUN]", default="latest")
def record(place: str | None, name: str | None, force: bool, run_name: str) -> None:
    """Write the scores of a RUN's candidate to reports/baselines/NAME.json.

    RUN is the id of a run, the beginning of it, `latest` (the default), or the name of a version, which stands for
    the newest run that has it as its candidate. A run with errors is refused, and so is one that was interrupted or
    stopped as soon as it was decided, for its scores lean one way; what was red in it is said. Draw for a baseline with
    pytest --for-baseline: everything, and more samples than a gate draws, for they are drawn once and used many times.

    \b
    Examples:
      pytest suites --candidate smollm2 --for-baseline
      steelyard baseline record --name released
      steelyard baseline record 20261125-1615 --name released --force
    """
    from harness.gate.baselines.chosen import recorded_path
    from harness.gate.baselines.files import write_recording
    from harness.gate.baselines.recording import left_out, recording_of
    from harness.gate.history.runs import find_candidate, stored_report
    from harness.reporting.shared.text import printable

    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        found = find_candidate(opened.runs(), run_name)
        report = stored_report(opened, found.run.run_id)
        path = recorded_path(settings, name or found.version.name)
        recording = recording_of(opened, found, report, path.stem)
    is_new = write_recording(recording, path, force=force)
    told = [_written(recording, path, settings, is_new=is_new), *_warnings(recording, settings.samples)]
    notes = [*_notes(left_out(report, recording)), *report.notes]
    if recording.first_index == 0 and any(each.checks for each in report.evaluations):
        notes.append(_FLATTERED)
    notes += [
        f"its gate was red: {each.id} {each.verdict} ({each.reason})"
        for each in report.evaluations
        if each.verdict.is_red
    ]
    told += [("note", printable(note)) for note in notes]
    told.append(("next", f"pytest … --baseline {_option(recording.name, settings)}"))
    click.echo("\n".join(_laid_out(told)))


def _laid_out(told: Iterable[tuple[str, str]]) -> list[str]:
    """Texts beside their labels, no wider than the terminal."""
    from harness.reporting.shared.text import labelled

    width = terminal_layout().width
    return [line for label, text in told for line in labelled(label, text, width)]


def _written(recording: Recording, path: Path, settings: Settings, *, is_new: bool) -> tuple[str, str]:
    from harness.reporting.shared.figures import plural

    shown = path.relative_to(settings.root)
    n_cases, n_bytes = _n_cases(recording), path.stat().st_size
    what = f"{plural(len(recording.evaluations), 'evaluation')}, {plural(n_cases, 'case')}"
    there = "" if is_new else ", the same is there already"
    size = f"{n_bytes:,} bytes, {n_bytes / max(1, n_cases):.0f} a case"
    return "wrote" if is_new else "found", f"{shown}{there}   {what} of run {recording.run_id} ({size})"


_FLATTERED = (
    "its samples are those that it was weighed by, and one that passed by luck looks better than it is: record a run "
    "of pytest --for-baseline, which draws others"
)


def _notes(missing: Iterable[str]) -> list[str]:
    """Note what a reader should know before committing the recording."""
    return [f"{identity}: its bodies compare with a baseline themselves: left out" for identity in missing]


def _warnings(recording: Recording, n_samples: int) -> Iterator[tuple[str, str]]:
    """Yield a warning for each evaluation that has no more samples of a case than gates draw."""
    from harness.gate.baselines.recording import too_few_samples
    from harness.reporting.shared.text import printable

    for identity, evaluation in recording.evaluations.items():
        if told := too_few_samples(evaluation, n_samples):
            yield "warning", printable(f"{identity}: {told}")


def _option(name: str, settings: Settings) -> str:
    """Write a recording's name as `--baseline` takes it: the name alone is a version's where one has it, too."""
    return name if name not in settings.versions else f"{name}.json   ({name!r} alone is the version)"


def _n_cases(recording: Recording) -> int:
    return sum(len(each.cases) for each in recording.evaluations.values())
