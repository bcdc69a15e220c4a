"""`steelyard baseline`: a finished run's scores as a file that is reviewed and committed, to gate against later."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.layout import terminal_layout
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.errors import SettingsError, choices

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.baselines.recording import RecordedEvaluation, RecordedMetric, Recording

_SHOWN_DIGITS = 12
_MOST_CELLS = 30


@click.group()
def baseline() -> None:
    """Record a finished run as a baseline: a file in reports/baselines that is reviewed and committed like a snapshot.

    A gate against it asks no baseline model: `pytest … --baseline NAME`.

    \b
    Examples:
      steelyard baseline record latest --name released
      steelyard baseline list
      steelyard baseline show released
    """


@baseline.command()
@store_option
@click.option("--name", metavar="NAME", help="What it is called; default: the candidate's version name.")
@click.option("--force", is_flag=True, help="Overwrite a recording of this name that holds something else.")
@click.argument("run_name", metavar="[RUN]", default="latest")
def record(place: str | None, name: str | None, force: bool, run_name: str) -> None:
    """Write the scores of a RUN's candidate to reports/baselines/NAME.json.

    RUN is the id of a run, the beginning of it, `latest` (the default), or the name of a version, which stands for
    the newest run that has it as its candidate. A run with errors, or one that was interrupted, is refused; what was
    red in it is said. Draw for a baseline with pytest --for-baseline: everything, for a run that stopped as soon as
    it was decided has scores of a part of its cases, and more samples than a gate draws, for they are drawn once and
    used many times. What gates against it can tell is said.

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
    notes = [*_notes(recording, left_out(report, recording)), *report.notes]
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


@baseline.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_all(as_json: bool) -> None:
    """List the recorded baselines of this project.

    \b
    Examples:
      steelyard baseline list
      steelyard baseline list --json
    """
    from harness.gate.baselines.chosen import FOLDER, recorded_files

    settings = settings_with_store(None)
    rows = [_row(path) for path in recorded_files(settings)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _table(rows):
        click.echo(line)
    if not rows:
        click.echo(f"No baseline is recorded in {settings.root / FOLDER}. `steelyard baseline record` records a run.")


@baseline.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON: the file as it is.")
@click.argument("name", metavar="NAME")
def show(name: str, as_json: bool) -> None:
    """Show what the recorded baseline NAME holds: its run, and the figures of each evaluation.

    \b
    Examples:
      steelyard baseline show released
      steelyard baseline show released --json
    """
    from harness.gate.baselines.chosen import recorded_files, recorded_path
    from harness.gate.baselines.files import read_recording

    settings = settings_with_store(None)
    path = recorded_path(settings, name)
    if not path.is_file():
        raise SettingsError(choices("recorded baseline", name, [each.stem for each in recorded_files(settings)]))
    recording = read_recording(path)
    lines = [] if as_json else [*_lines(recording, path), "", *_laid_out(_warnings(recording, settings.samples))]
    click.echo(path.read_text(encoding="utf-8") if as_json else "\n".join(lines), nl=not as_json)


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


def _notes(recording: Recording, missing: Iterable[str]) -> list[str]:
    """Note what a reader should know before committing the recording."""
    notes = [f"{identity}: {_stopped(each)}" for identity, each in recording.evaluations.items() if each.stopped_early]
    notes += [f"{identity}: its bodies compare with a baseline themselves: left out" for identity in missing]
    if any(case.content is None for each in recording.evaluations.values() for case in each.cases.values()):
        notes.append("what some of the cases hold is not known: nobody can tell later whether they changed")
    return notes


def _warnings(recording: Recording, n_samples: int) -> Iterator[tuple[str, str]]:
    """Yield a warning for each evaluation that has no more samples of a case than gates draw."""
    from harness.gate.baselines.recording import too_few_samples
    from harness.reporting.shared.text import printable

    for identity, evaluation in recording.evaluations.items():
        if told := too_few_samples(evaluation, n_samples):
            yield "warning", printable(f"{identity}: {told}")


def _stopped(evaluation: RecordedEvaluation) -> str:
    what = "samples" if len(evaluation.cases) == 1 else "cases"
    return (
        f"{evaluation.n_drawn:,} of {evaluation.n_planned:,} {what} were drawn when it was decided, and no others can "
        "be paired: record a run with --for-baseline for all"
    )


def _option(name: str, settings: Settings) -> str:
    """Write a recording's name as `--baseline` takes it: the name alone is a version's where one has it, too."""
    return name if name not in settings.versions else f"{name}.json   ({name!r} alone is the version)"


def _n_cases(recording: Recording) -> int:
    return sum(len(each.cases) for each in recording.evaluations.values())


def _row(path: Path) -> dict[str, Any]:
    from harness.gate.baselines.files import read_recording

    try:
        recording = read_recording(path)
    except SettingsError as error:
        return {"name": path.stem, "error": str(error)}
    return {
        "name": recording.name,
        "version": recording.version.name,
        "fingerprint": recording.version.fingerprint,
        "run_id": recording.run_id,
        "created": recording.created,
        "n_evaluations": len(recording.evaluations),
        "n_cases": _n_cases(recording),
        "size_bytes": path.stat().st_size,
    }


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line for each that can be read, below a heading; then what is wrong with the others."""
    from harness.reporting.shared.columns import columns
    from harness.reporting.shared.text import printable

    shown = [
        (
            printable(row["name"], _MOST_CELLS),
            printable(row["created"][:10]),
            printable(row["version"], _MOST_CELLS),
            printable(row["fingerprint"][:_SHOWN_DIGITS]),
            f"{row['n_evaluations']:,}",
            f"{row['n_cases']:,}",
        )
        for row in rows
        if "error" not in row
    ]
    if shown:
        table = [("name", "recorded", "version", "fingerprint", "evaluations", "cases"), *shown]
        yield from columns(table, left=4)
    for row in rows:
        if "error" in row:
            yield f"{printable(row['name'])}: {printable(row['error'])}"


def _lines(recording: Recording, path: Path) -> list[str]:
    from harness.reporting.shared.text import printable

    packages = recording.environment.get("packages") or {}
    engine = [str(recording.environment.get("engine", "not known"))]
    engine += [f"{package} {version}" for package, version in packages.items() if version is not None]
    lines = [
        f"baseline {recording.name}, {path.stat().st_size:,} bytes",
        f"version  {recording.version.name}, fingerprint {recording.version.fingerprint}",
        f"run      {recording.run_id}, made {recording.created}",
        f"engine   {', '.join(engine)}",
    ]
    for identity, evaluation in sorted(recording.evaluations.items()):
        lines += ["", identity]
        lines += [f"  {_figures(metric, each)}" for metric, each in sorted(evaluation.metrics.items())]
        lines.append(f"  {_size(evaluation)}")
    return [printable(line) for line in lines]


def _figures(name: str, metric: RecordedMetric) -> str:
    from harness.reporting.shared.figures import digits, figure, interval

    unit = f" {metric.unit}" if metric.unit else ""
    name = f"{name} {metric.statistic}" if metric.statistic else name
    direction = "" if metric.higher_is_better else ", lower is better"
    judged = f", judged by {', '.join(metric.judged_by)}" if metric.judged_by else ""
    estimate = metric.estimate
    if estimate is None:
        return f"{name}{unit}{direction}{judged}"
    places = digits([estimate.value, estimate.low], [estimate.value, estimate.high], unit=metric.unit)
    shown = f"{figure(estimate.value, places)} {interval(estimate.low, estimate.high, places)}"
    return f"{name} {shown}{unit}{direction}{judged}"


def _size(evaluation: RecordedEvaluation) -> str:
    from harness.reporting.shared.figures import plural

    sizes = sorted({len(values) for case in evaluation.cases.values() for values in case.scores.values()})
    samples = plural(sizes[-1] if sizes else 0, "sample")
    samples = f"{sizes[0]:,} to {samples}" if len(sizes) > 1 else samples
    skipped = f", {len(evaluation.skipped):,} skipped" if evaluation.skipped else ""
    stopped = (
        f", decided after {evaluation.n_drawn:,} of {evaluation.n_planned:,} cases" if evaluation.stopped_early else ""
    )
    return f"{plural(len(evaluation.cases), 'case')} × {samples}{skipped}{stopped}"
