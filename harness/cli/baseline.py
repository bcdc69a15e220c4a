"""`steelyard baseline record`: a finished run's scores as a file that is committed, to gate against later."""

from __future__ import annotations

import click

from harness.cli import Group
from harness.cli.console import say
from harness.cli.stores import open_store, settings_with_store, store_option


@click.group(cls=Group)
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
    from harness.gate.baselines.recording import left_out, recorded_path, recording_of, too_few_samples, write_recording
    from harness.gate.history.runs import find_version, stored_report
    from harness.reporting.shared.figures import plural

    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        found = find_version(opened.runs(), run_name, ("candidate",))
        report = stored_report(opened, found.run.run_id)
        path = recorded_path(settings, name or found.version.name)
        recording = recording_of(opened, found, report, path.stem)
    is_new = write_recording(recording, path, force=force)
    evaluations = recording.evaluations
    n_cases, n_bytes = sum(len(each.cases) for each in evaluations.values()), path.stat().st_size
    what = f"{plural(len(evaluations), 'evaluation')}, {plural(n_cases, 'case')} of run {recording.run_id}"
    size = f"{n_bytes:,} bytes, {n_bytes / max(1, n_cases):.0f} a case"
    there = "" if is_new else ", the same is there already"
    option = recording.name
    if option in settings.versions:  # the name alone is a version's
        option = f"{option}.json   ({option!r} alone is the version)"
    few = [
        f"{identity}: {few}"
        for identity, each in evaluations.items()
        if (few := too_few_samples(each, settings.samples))
    ]
    notes = [f"{each}: its bodies compare with a baseline themselves: left out" for each in left_out(report, recording)]
    notes += [each.text for each in report.notes if each.kind in ("problem", "version", "draws", "suite")]
    if recording.first_index == 0 and any(each.checks for each in report.evaluations):
        notes.append(_FLATTERED)
    red = [each for each in report.evaluations if each.verdict.is_red]
    notes += [f"its gate was red: {each.id} {each.verdict} ({each.reason})" for each in red]
    say(
        ("wrote " if is_new else "found ", f"{path.relative_to(settings.root)}{there}   {what} ({size})"),
        *(("warning", each) for each in few),
        *(("note", each) for each in notes),
        ("next", f"pytest … --baseline {option}"),
    )


_FLATTERED = (
    "its samples are those that it was weighed by, and one that passed by luck looks better than it is: record a run "
    "of pytest --for-baseline, which draws others"
)
