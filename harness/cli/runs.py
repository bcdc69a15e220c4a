"""What is made of stored runs: `steelyard gate`, `accept`, `compare`, `report`, `comment` and `track`."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from harness.cli.console import Number, open_store, place_option, run_argument, say, shows, with_store
from harness.config import typed
from harness.config.ci import find_forge, read_job
from harness.config.settings import MLFLOW, Settings, check_setting, load_settings
from harness.config.waivers import FILE_NAME as WAIVERS
from harness.config.waivers import checked_waiver, read_waivers, today, write_waivers
from harness.errors import ForgeError, SettingsError, SteelyardError, StoreError, UsageError
from harness.gate.baselines.timeline import timeline
from harness.gate.history.comparison import ComparisonOptions, sides
from harness.gate.history.comparison import compare as weigh
from harness.gate.history.runs import find_version, stored_report
from harness.gate.history.scores import EVERY_CASE
from harness.gate.people.verdicts import resumed
from harness.records import Report
from harness.records.report_json import FILE_NAME, read_report, schema, to_json
from harness.reporting.history.text import moved
from harness.reporting.markdown.report import markdown, without_report
from harness.reporting.notifying import notify
from harness.reporting.pull_requests import post
from harness.reporting.shared.files import prepare_folder
from harness.reporting.shared.grid import Ready
from harness.reporting.shared.names import COMMENT_NAME, find_evaluations
from harness.reporting.shared.text import Block
from harness.reporting.steps import complete, resume_steps, step_in_words
from harness.reporting.terminal.comparison import Compared, comparison_report, facts
from harness.reporting.terminal.report import render, render_stored, terminal_layout
from harness.reporting.writing import ReportFormat, StoredReport, find_format, formats, write, write_reports
from harness.store import RunInfo, Store
from harness.store.location import option_for, settings_with_store
from harness.tracking.tracker import TrackedGate, TrackingNotes, tracker


def _find_run(store: Store, name: str) -> tuple[RunInfo, Report]:
    run = find_version(store.runs(), name).run
    return run, stored_report(store, run.run_id)


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@dataclass(frozen=True, slots=True)
class DecidedAgain:
    """A report and the page that it was written to."""

    report: Report
    path: Path

    @property
    def exit_code(self) -> int:
        """The gate's."""
        return self.report.exit_code

    def as_json(self) -> dict[str, Any]:
        """As report.json has it."""
        return to_json(self.report)


def _decided_view(decided: DecidedAgain) -> Iterator[Block]:
    return map(Ready, render_stored(decided.report, terminal_layout(), _from_here(decided.path)))


@click.command()
@with_store("write")
@click.option("--resume", "run_name", metavar="RUN", required=True, help="The run to decide again.")
@click.option("--report-dir", metavar="FOLDER", help="Where the reports go; default: the one of the settings.")
@click.option("--inconclusive", type=click.Choice(["fail", "warn"]), help="Exit code 8 or 0; default: the run's own.")
@shows(_decided_view, "Write report.json to standard output, too, and no table.")
def gate(store: Store, run_name: str, report_dir: str | None, inconclusive: str | None) -> DecidedAgain:
    """Decide a stored RUN again from its scores and the labels that people have given, without asking a model.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. Evaluations with `review=` get the
    verdict of labels and judge as they are now; all others keep theirs. To sample, run pytest.

    Exit code: 0 passed, 1 red, 8 inconclusive, as pytest's; 4 for a run that is not stored.

    \b
    Examples:
      steelyard gate --resume latest
    """
    settings, (run, stored) = load_settings(Path.cwd()), _find_run(store, run_name)
    counts_as = inconclusive or run.spec.get("inconclusive", settings.inconclusive)
    decided = resumed(store, stored, counts_as, settings.review_url, read_waivers(settings.root, today()))
    report = complete(decided, option_for(store.url))
    paths = write_reports(store, run, report, Path.cwd() / report_dir if report_dir else settings.report_folder)
    if problem := notify(report, settings):
        say(f"WARNING: {problem}", err=True)
    return DecidedAgain(report, next((path for path in paths if path.suffix == ".html"), paths[0]))


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in a line that every report shows.")
@click.option("--until", metavar="DATE", help="The last day, YYYY-MM-DD, at most 90 days from now.")
@click.option("--list", "is_list", is_flag=True, help="Show what is accepted, and what was.")
@click.option("--remove", is_flag=True, help="Accept EVALUATION no more.")
@click.argument("evaluation", required=False)
def accept(reason: str | None, until: str | None, is_list: bool, remove: bool, evaluation: str | None) -> None:
    """Accept an EVALUATION of a stored run until a day, whatever it comes to: a waiver in steelyard.waivers.toml.

    A gate whose every red or inconclusive evaluation is accepted is still called RED or INCONCLUSIVE, with the reason
    and the day, and its exit code is 0. An error is never accepted. With the end of that day (UTC) the waiver is over.
    EVALUATION is an id as reports have it, or the name of its test function. To change a waiver, accept again.

    \b
    Examples:
      steelyard accept test_greeting --reason "copy changes, see #12" --until 2026-12-15
      steelyard accept --list
      steelyard accept --remove test_greeting
    """
    settings, day = load_settings(Path.cwd()), today()
    waivers = {each.evaluation_id: each for each in read_waivers(settings.root, day)}
    if is_list:
        say(*(f"{each.evaluation_id} {each}" for each in waivers.values()) if waivers else ("nothing is accepted",))
        return
    if evaluation is None or not (remove or (reason and until)):
        raise UsageError("Name an EVALUATION with --reason and --until, or with --remove; --list shows what there is.")
    known: Iterable[str] = waivers
    if not remove:
        with open_store(settings) as store:
            datasets = (each for run in store.runs() for each in run.spec.get("datasets", ()))
            known = dict.fromkeys(str(identity) for each in datasets for identity in each["evaluations"])
    matches = find_evaluations(evaluation, known, where="steelyard accept")
    if len(matches) > 1:
        raise SettingsError(f"{evaluation!r} may be {', '.join(matches)}: accept one of them at a time.")
    (identity,) = matches
    if remove:
        del waivers[identity]
        done = f"removed   {identity} from {WAIVERS}: commit that"
    else:
        waivers[identity] = checked_waiver(identity, reason or "", until or "", day)
        done = f"accepted  {identity} until {waivers[identity].until}, in {WAIVERS}: commit it"
    write_waivers(settings.root, waivers.values())
    say(done)


def _margin(context: click.Context, option: click.Parameter, text: str | None) -> float | str | None:
    """A number, or a text in per cent, which is for measures."""
    return text if text is None or text.strip().endswith("%") else click.FLOAT.convert(text, option, context)


def _compared_view(compared: Compared) -> Iterator[Block]:
    report = comparison_report(compared.comparison)
    yield from map(Ready, render(report, terminal_layout(verbosity=1), changes=report.changes))
    yield from facts(compared.comparison)


@click.command()
@click.argument("candidate", metavar="A")
@click.argument("baseline", metavar="B")
@with_store()
@click.option("--evaluation", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@click.option("--case", metavar="PATTERN", help="Only cases whose id matches this shell pattern, such as 'per*'.")
@click.option(
    "--cases", metavar="N", type=click.IntRange(0, 1000), default=10, help="Of those that moved, how many are shown."
)
@click.option("--margin", metavar="DROP", callback=_margin, help='The largest drop that is no worse: 0.05, or "5%".')
@click.option("--confidence-level", metavar="LEVEL", type=Number(), help="1 - error rate of red and of green.")
@shows(_compared_view, "Write JSON in the shape of report.json.")
def compare(store: Store, candidate: str, baseline: str, **asked: Any) -> Compared:
    """Weigh A against B from what is stored: the candidate against what it should be no worse than.

    Each is a run, by its id, the beginning of it, or `latest`; or a version, by name. Two versions are those of the
    newest finished run that weighed A against B, else B against A; where no run has both, and beside a run, a version
    stands for the newest finished run that weighed it. Two names of one run compare its candidate with its baseline.
    Cases that both have are paired. Thresholds, margins and requirements are those of A's run. No model is asked.

    Exit code: 0 passed, 1 red, 8 inconclusive, as a gate's; 4 for names that are not stored.

    \b
    Examples:
      steelyard compare smollm2-int8 smollm2
      steelyard compare latest 20261124-1615 --evaluation '*capitals*' --margin 0.02
    """
    began, margin, level, evaluations = time.monotonic(), asked["margin"], asked["confidence_level"], None
    if isinstance(margin, float):
        typed.check(typed.NotNegative, margin, "margin", where="--margin")
    if level is not None:
        check_setting("confidence_level", level, where="--confidence-level")
    ours, theirs = sides(store, candidate, baseline)
    if asked["evaluation"] is not None:
        ids = (verdict.id for verdict in ours.report.evaluations)
        evaluations = find_evaluations(asked["evaluation"], ids, where="--evaluation")
    options = ComparisonOptions(
        evaluations=evaluations,
        cases=EVERY_CASE if asked["case"] is None else asked["case"],
        margin=margin,
        confidence_level=level,
        n_changes=asked["cases"],
        inconclusive=load_settings(Path.cwd()).inconclusive,
    )
    comparison = weigh(store, ours, theirs, options)
    usage = replace(comparison.report.usage, wall_s=time.monotonic() - began)
    return Compared(replace(comparison, report=replace(comparison.report, usage=usage)))


_COMMENTED_VERSIONS = 10
_OUTPUT, _SCHEMA = "--output", "Write the JSON schema of the format json, and no report."


class _FormatsCommand(click.Command):
    """A command whose help ends with the formats that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Called when help is shown."""
        rows = "\n".join(f"  {name:<10}{each.summary}" for name, each in formats().items())
        self.epilog = f"\b\nFormats:\n{rows}"
        super().format_epilog(ctx, formatter)


def _print_schema(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        click.echo(json.dumps(schema(), indent=2))
        context.exit()


@click.command(cls=_FormatsCommand)
@run_argument
@with_store()
@click.option(
    "--format", "names", metavar="NAME", multiple=True, help="One of those below, default terminal; repeatable."
)
@click.option("-o", "--output", metavar="PATH", help="A file, or a folder; - for standard output.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema, help=_SCHEMA)
def report(store: Store, run_name: str, names: tuple[str, ...], output: str | None) -> None:
    """Write a stored RUN in one format or several, without asking a model.

    RUN is the id of a run, the beginning of it, `latest` (the default), or the name of a version: the newest finished
    run that weighed it. A single format that is text goes to standard output, all else into the folder reports/RUN.

    Exit code: 0, whatever the verdict; 4 for a run that is not stored or a file that can't be written.

    \b
    Examples:
      steelyard report
      steelyard report --format junit --output junit.xml
      steelyard report smollm2-int8 --format markdown --format parquet --output reports/int8
    """
    chosen = [find_format(name) for name in dict.fromkeys(names or ("terminal",))]
    run, made = _find_run(store, run_name)
    stored = StoredReport(store, run, made, option=_OUTPUT)
    is_text = len(chosen) == 1 and chosen[0].to_stream is not None
    if output == "-" or (output is None and is_text):
        notes = [_print_report(stored, chosen)]
    else:
        notes = _write_reports(stored, chosen, output)
    if any(each.name != "terminal" for each in chosen):  # other formats have no room for labels given since
        steps = resume_steps(store, made, option_for(store.url))
        notes += [f"verdicts are those that the run came to; {step_in_words(step)}" for step in steps]
    for note in dict.fromkeys(filter(None, notes)):
        say(f"note: {note}", err=True)


def _write_reports(stored: StoredReport, chosen: list[ReportFormat], output: str | None) -> list[str | None]:
    """Write the formats into a folder, or a single one to a file; return what a reader must know of each."""
    place = load_settings(Path.cwd()).root / "reports" / stored.run.run_id if output is None else Path.cwd() / output
    is_folder = output is None or output.endswith("/") or place.is_dir()
    if any(each.to_folder for each in chosen) and place.suffix in (".html", ".htm") and not place.is_dir():
        raise SettingsError(
            f"--output {output}: the page is a folder, index.html and details beside it. Name that: "
            f"--output {Path(output or '').with_suffix('')}"
        )
    is_file = len(chosen) == 1 and chosen[0].to_folder is None and not is_folder
    prepare_folder(place.parent if is_file else place, _OUTPUT)
    written = [write(stored, each, place if is_file else place / each.file_name) for each in chosen]
    say(*(_from_here(path) for path, _ in written))
    return [note for _, note in written]


def _print_report(stored: StoredReport, chosen: list[ReportFormat]) -> str | None:
    """Write one text to standard output, in UTF-8 unless made for the terminal; return what is to be known of it."""
    to_stream, is_terminal = chosen[0].to_stream, chosen[0].name == "terminal"
    if len(chosen) > 1 or to_stream is None:
        what = "several formats" if len(chosen) > 1 else f"the format {chosen[0].name}"
        raise SettingsError(f"--output -: {what} can't go to standard output. Name a folder.")
    text = io.StringIO(newline="\n")
    note = to_stream(replace(stored, layout=terminal_layout()) if is_terminal else stored, text)
    try:
        click.echo(text.getvalue() if is_terminal else text.getvalue().encode(), nl=False, color=True)
    except BrokenPipeError:  # whoever reads it has seen enough
        raise
    except OSError as error:
        raise SettingsError(f"Standard output can't be written: {error.strerror or error}.") from None
    return note


@click.command()
@click.argument("folder", metavar="[FOLDER]", type=click.Path(path_type=Path), default=None, required=False)
@click.option("--to", "forge", metavar="FORGE", help="github or gitlab; default: whose job this is.")
@click.option(
    "--name", metavar="NAME", default=COMMENT_NAME, show_default=True, help="Which of several comments it is."
)
@click.option("--link", metavar="URL", help="The address of the whole report; default: the job's page.")
@click.option("--pull-request", metavar="N", type=click.IntRange(min=1), help="Default: the one that the job runs for.")
@click.option("--token-env", metavar="VARIABLE", help="Holds the token; default: GITHUB_TOKEN or GITLAB_TOKEN.")
@click.option("--print", "is_printed", is_flag=True, help="Write the comment to standard output instead.")
def comment(folder: Path | None, forge: str | None, name: str, link: str | None, is_printed: bool, **job: Any) -> None:
    """Write the report of the last gate into the pull request (merge request) that this job runs for.

    FOLDER holds report.json; by default it is the one of the settings. The comment of the run before, found by its
    first line among those of the token's own user, is replaced. No model is asked; where the store has three versions
    or more, the comment shows the evaluations that changed over the last ten.

    Exit code: 0, also where nothing could be written: a comment never changes what a gate came to. 4 for options that
    can't be.

    \b
    Examples:
      steelyard comment reports/latest --name nightly --link https://ci.example/report/12
      steelyard comment --print
    """
    this_job = None if is_printed else read_job(find_forge(forge))
    link = link or (this_job.page or None if this_job else None)
    place = folder or load_settings(Path.cwd()).report_folder
    has_report = (place / FILE_NAME if place.is_dir() else place).exists()
    body = _commented(read_report(place), name, link) if has_report else without_report(name, link)
    if this_job is None:
        click.echo(body, nl=False)
    elif (number := job["pull_request"] or this_job.pull_request) is None:
        say("No comment: this job runs for no pull request. Say which with --pull-request N.")
    else:
        try:
            say(f"Comment {post(this_job, number, body, job['token_env'])}")
        except (ForgeError, SettingsError) as error:  # the exit code stays 0
            say(f"No comment: {error}", err=True)


def _commented(report: Report, name: str, link: str | None) -> str:
    changed: list[tuple[str, str]] = []
    with suppress(StoreError, SettingsError), open_store(settings := load_settings(Path.cwd())) as store:
        changed = moved(timeline(store, settings.root, report.confidence_level, most=_COMMENTED_VERSIONS))
    return markdown(report, name, link, changed)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run, and what the trackers said of it."""

    run_id: str
    created: str
    verdict: str
    facts: Mapping[str, Any]
    lines: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The trackers' facts, beside the run and the lines."""
        return {"run_id": self.run_id, **self.facts, "lines": self.lines}


def _tracked_view(tracked: Tracked) -> Iterator[Block]:
    yield f"run     {tracked.run_id}, made {tracked.created}: {tracked.verdict}"
    yield from tracked.lines


@click.command()
@run_argument
@place_option
@click.option("--to", metavar="NAME", help="The tracker that gets it; default: those that the settings ask for.")
@click.option("--mlflow", metavar="URL", help="A server or sqlite:///FILE; default: the one of the settings.")
@shows(_tracked_view)
def track(place: str | None, run_name: str, to: str | None, mlflow: str | None) -> Tracked:
    """Hand a stored RUN to a tracker, by default the latest, with its verdicts by the labels given since.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. What MLflow has of a run already is
    brought up to date and never logged twice. No model is asked, and no verdict depends on it.

    \b
    Examples:
      steelyard track --mlflow http://127.0.0.1:5000
      steelyard track latest --to opentelemetry
    """
    settings = settings_with_store(place)
    if mlflow is not None:
        settings = replace(settings, mlflow=check_setting("mlflow", mlflow, where="--mlflow"))
    chosen = {name: (tracker(name), options) for name, options in _trackers(settings, to, mlflow).items()}
    for each, options in chosen.values():
        each.check(settings, options)
    with open_store(settings, "write") as store:
        run, report = _find_run(store, run_name)
        if any(verdict.review is not None for verdict in report.evaluations):
            decided = resumed(store, report, run.spec.get("inconclusive", settings.inconclusive))
            report = replace(decided, usage=report.usage)
    notes = TrackingNotes()
    for name, (each, options) in chosen.items():
        try:
            each.track(TrackedGate(report, report.exit_code, settings, options, is_late=True), notes)
        except SteelyardError:
            raise
        except Exception as error:
            raise SteelyardError(f"The tracker {name!r} could not log it: {type(error).__name__}: {error}") from error
    return Tracked(run.run_id, run.created, str(report.verdict), notes.facts, notes.lines)


def _trackers(settings: Settings, to: str | None, mlflow: str | None) -> Mapping[str, Mapping[str, Any]]:
    """The trackers that the run is handed to, each with its options; `--mlflow` chooses MLflow."""
    asked = settings.trackers_asked({"mlflow": mlflow})
    if to in (None, MLFLOW):
        return {MLFLOW: {"mlflow": mlflow}} if to or mlflow or not asked else asked
    if mlflow is not None:
        raise SettingsError(f"--mlflow is for the tracker {MLFLOW}, and --to names {to!r}: leave one out.")
    return {to: asked.get(to, {})}
