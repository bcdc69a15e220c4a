"""`steelyard watch` and `steelyard cases`: what production answers, watched, and made to cases."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from harness.cli import Group
from harness.cli.console import Number, emit, open_store, place_option, say
from harness.errors import CaseError, UsageError
from harness.gate.history.answers import StoredAnswer, answers_of_case
from harness.gate.history.runs import find_version
from harness.gate.traffic.drawing import add_case, case_of, draw_cases
from harness.gate.traffic.scoring import score_samples
from harness.gate.traffic.traces import Traces
from harness.gate.traffic.watching import watch_samples
from harness.plugin.watching import use_evaluation
from harness.records import Case
from harness.reporting.shared.files import prepare_folder, replacing
from harness.reporting.terminal.progress import LiveLine
from harness.reporting.watch import markdown, view
from harness.store.location import settings_with_store

_PATH = click.Path(path_type=Path)
_FILES = click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_PATH)
_SINCE = click.option("--since", metavar="DAY", help="Samples of that day (UTC) and later alone.")


def _seconds(day: str | None, option: str, later: int = 0) -> float:
    try:
        own = datetime.fromisoformat(day or "1970-01-01")
    except ValueError:
        raise UsageError(f"{option}: {day!r} is no day; write one as 2026-11-24.") from None
    return (own.replace(tzinfo=UTC) + timedelta(days=later)).timestamp()


@click.command()
@_FILES
@click.option("--evaluation", metavar="FILE::TEST", required=True, help="Whose body and judges score the samples.")
@click.option("--level", metavar="SCORE", type=Number(0, 1), help="Below it is a change.  [threshold less margin]")
@click.option(
    "--reference", metavar="DAY..DAY", help="Days whose mean, as far as proven, less the margin is the level."
)
@click.option("--days", metavar="N", type=Number(1), default=90, show_default=True, help="Between false alarms.")
@_SINCE
@click.option("--session", metavar="FIELD", help="Groups samples that depend on each other.  [the trace's session]")
@click.option("--judge", metavar="VERSION", help="The version that judges, for the one of the settings.")
@click.option("--report-dir", metavar="FOLDER", type=_PATH, help="For watch.md and watch.json.  [the settings']")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@place_option
def watch(files: tuple[Path, ...], evaluation: str, since: str | None, as_json: bool, **options: Any) -> None:
    """Score the samples of production in FILEs, and tell whether their mean has fallen, and since when.

    A FILE has JSON lines (id, time, prompt or messages, output, session, and any other field), OpenTelemetry's GenAI
    spans as OTLP's JSON, or Langfuse's export. What a body asks that is not in the trace could not be measured. The
    same files give the same answer, and more files go on from there; judges are asked for what is new alone.

    Exit code 0: nothing shown. 1: changed. 8: half of the samples or more could not be measured.

    \b
    Examples:
      steelyard watch traces.jsonl --evaluation suites/test_answers.py::test_polite
      steelyard watch spans-*.json --evaluation suites/test_answers.py::test_polite --reference 2026-11-01..2026-11-14
    """
    level, reference, reports = options["level"], options["reference"], list[dict[str, Any]]()
    if level is not None and reference is not None:
        raise UsageError("--level and --reference are two levels: give one of them.")
    if reference is not None:
        first, _, last = reference.partition("..")
        reference = _seconds(first, "--reference"), _seconds(last or first, "--reference", 1)
    traces = Traces(files, _seconds(since, "--since"), options["session"], is_timed=True)
    given = {"judge": options["judge"], "store": options["place"]}
    line = LiveLine(sys.stderr, sys.stderr.isatty(), 80, log_prefix="steelyard watch  ")

    def use(own: Any, settings: Any) -> None:
        wanted = {"days": options["days"], "level": level, "reference": reference}
        if reference is None:  # a level that can't be is refused before a judge is asked
            watch_samples(own.plan, [], settings.confidence_level, **wanted)
        scoring = score_samples(own, traces, settings, lambda n: line.write([f"{n:,} samples scored"]))
        scored, errors = asyncio.run(scoring)
        report = {"evaluation": own.id, **watch_samples(own.plan, scored, settings.confidence_level, **wanted)}
        reports.append(report | {"errors": errors, "left_out": dict(traces.left_out)})
        folder = prepare_folder(options["report_dir"] or settings.report_folder)
        for name, text in (("watch.json", json.dumps(reports[0], indent=2)), ("watch.md", markdown(reports[0]))):
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")

    try:
        with line:
            use_evaluation(evaluation, [f"--{name}={each}" for name, each in given.items() if each is not None], use)
    except KeyboardInterrupt:
        say("Interrupted. What judges have answered is stored: run again to go on from there.", err=True)
        sys.exit(2)  # as pytest's
    emit(reports[0], view, as_json)
    sys.exit(reports[0]["exit_code"])


@click.group(cls=Group)
def cases() -> None:
    """Draw cases from traffic, or add one that failed.

    \b
    Example:
      steelyard cases from traces.jsonl --n 200 --output evals/support/cases.jsonl
    """


@cases.command("from")
@_FILES
@click.option("--n", type=click.IntRange(1), default=100, show_default=True, help="How many cases.")
@click.option("--by", metavar="FIELD", help="Each value of this field has its share of the cases.")
@_SINCE
@click.option("--output", type=_PATH, help="A new .jsonl.  [default: standard output]")
def draw(files: tuple[Path, ...], n: int, by: str | None, since: str | None, output: Path | None) -> None:
    """Draw cases from the samples in FILEs, which are as those of `steelyard watch`.

    Each sample has the same probability, which its case keeps, so that a plain mean over the cases is one over the
    traffic. Placeholders stand for personal data; `cluster` groups what resembles each other or is of one session. The
    same files give the same cases. Without `expected` they are for people, with review= on the marker.

    \b
    Example:
      steelyard cases from traces.jsonl --since 2026-11-24 --by language --output evals/support/cases.jsonl
    """
    if output is not None and output.exists():
        raise CaseError(f"{output} is there already: name a new file.")
    traces = Traces(files, _seconds(since, "--since"))
    drawn, total = draw_cases(traces, n, by)
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in drawn)
    if output is None:
        click.echo(lines, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(lines, encoding="utf-8")
    reasons = (f"left out {number:,}: {reason}" for reason, number in traces.left_out.items())
    say(f"{len(drawn):,} cases of {total:,} samples", *reasons, err=True)


def _asked_in(answer: StoredAnswer) -> tuple[Case, str] | None:
    request, sample = answer.request, answer.sample
    if request is None or sample is None or not request.user_turns:
        return None
    return Case({"id": answer.case_id, "prompt": request.user_turns[-1], "messages": [*request.messages]}), sample.text


@cases.command()
@click.argument("source", metavar="RUN_OR_FILE")
@click.argument("name", metavar="ID")
@click.option("--to", "target", metavar="FILE", required=True, type=_PATH, help="A .jsonl, which may be new.")
@click.option("--expected", metavar="TEXT", help="What would have been right.")
@place_option
def add(source: str, name: str, target: Path, expected: str | None, place: str | None) -> None:
    """Add the sample ID, of a file of traces or of a stored run, to a file of cases under the same id.

    \b
    Example:
      steelyard cases add traces.jsonl 4bf92f3577b34da6 --to evals/support/cases.jsonl --expected "within 14 days"
    """
    known = {} if expected is None else {"expected": expected}
    if Path(source).exists():
        asked = next(((each.case, each.output) for each in Traces([Path(source)]) if each.id == name), None)
    else:
        with open_store(settings_with_store(place)) as store:
            answers = answers_of_case(store, find_version(store.runs(), source).run, name)
        asked = next(filter(None, map(_asked_in, answers)), None)
    if asked is None:
        raise CaseError(f"{source} has no sample {name!r} with a question and an answer.")
    say(f"{target} has {add_case(case_of(*asked) | known, target):,} cases now, {name} among them")
