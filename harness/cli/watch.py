"""`steelyard watch` and `steelyard cases`: what production answers, watched, and made to cases."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import Group
from harness.cli.console import Number, open_store, place_option, say, shows
from harness.errors import CaseError, UsageError
from harness.reporting.shared.text import Block

if TYPE_CHECKING:
    from harness.records import Case

_FILES = click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
_SINCE = click.option("--since", metavar="DAY", help="Samples of that day (UTC) and later alone.")


def _day(text: str | None, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text or "1970-01-02").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{where} = {text!r} is no day; write one as 2026-11-24.") from None


def _reference(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    first, found, last = text.partition("..")
    begin, end = _day(first, "--reference"), _day(last if found else first, "--reference") + timedelta(days=1)
    return begin.timestamp(), end.timestamp()


@dataclass(frozen=True, slots=True)
class _Watched:
    """A report, which is its own JSON, and the exit code in it."""

    report: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        return int(self.report["exit_code"])

    def as_json(self) -> Mapping[str, Any]:
        return self.report


def _watched_view(watched: _Watched) -> Iterator[Block]:
    from harness.reporting.watch import view

    yield from view(watched.report)


@click.command()
@_FILES
@click.option("--evaluation", metavar="FILE::TEST", required=True, help="Whose body and judges score the samples.")
@click.option("--level", metavar="SCORE", type=Number(0, 1), help="Below which is a change.  [threshold less margin]")
@click.option("--reference", metavar="DAY..DAY", help="Days whose mean, at least, less the margin is the level.")
@click.option("--days", metavar="N", type=Number(1), default=90, show_default=True, help="Between false alarms.")
@_SINCE
@click.option("--session", metavar="FIELD", help="Groups samples that depend on each other.  [the trace's session]")
@click.option("--judge", metavar="VERSION", help="The version that judges, for the one of the settings.")
@click.option("--report-dir", metavar="FOLDER", help="Where watch.md and watch.json go.  [default: reports/latest]")
@place_option
@shows(_watched_view)
def watch(files: tuple[Path, ...], evaluation: str, place: str | None, **options: Any) -> _Watched:
    """Score the samples of production in FILEs, and tell whether their mean has fallen, and since which day.

    A FILE has JSON lines (id, time, prompt or messages, output, session, and any other field), OpenTelemetry's GenAI
    spans as OTLP's JSON, or Langfuse's export. Bodies and judges are the evaluation's; what a body asks that is not in
    the trace could not be measured. The same and more files give the same answer; judges are asked for what is new.

    Exit code 0: nothing shown. 1: changed. 8: half of the samples or more could not be measured.

    \b
    Examples:
      steelyard watch traces.jsonl --evaluation suites/test_answers.py::test_polite
      steelyard watch spans-*.json --evaluation suites/test_answers.py::test_polite --reference 2026-11-01..2026-11-14
    """
    from harness.gate.traffic.scoring import score_samples
    from harness.gate.traffic.traces import Traces
    from harness.gate.traffic.watching import WatchOptions, watch_samples
    from harness.plugin.watching import use_evaluation
    from harness.reporting.shared.files import prepare_folder, replacing
    from harness.reporting.terminal.progress import LiveLine
    from harness.reporting.watch import markdown

    if options["level"] is not None and options["reference"] is not None:
        raise UsageError("--level and --reference are two levels: give one of them.")
    traces = Traces(files, _day(options["since"], "--since").timestamp(), options["session"])
    reference, given = _reference(options["reference"]), {"judge": options["judge"], "store": place}
    names = [f"--{name}={value}" for name, value in given.items() if value is not None]
    found: list[_Watched] = []
    line = LiveLine(sys.stderr, sys.stderr.isatty(), 80, log_prefix="steelyard watch  ")

    def use(own: Any, settings: Any) -> None:
        wanted = WatchOptions(options["level"], reference, options["days"], settings.confidence_level)
        scoring = score_samples(own, traces.timed(), settings, lambda n: line.write([f"{n:,} samples scored"]))
        scored, errors = asyncio.run(scoring)
        report = {"evaluation": own.id, **watch_samples(own.plan, scored, wanted)}
        report |= {"errors": errors, "left_out": dict(traces.left_out)}
        folder = prepare_folder(Path(options["report_dir"] or settings.report_folder))
        for name, text in (("watch.json", json.dumps(report, indent=2) + "\n"), ("watch.md", markdown(report))):
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="replace")
        found.append(_Watched(report))

    with line:
        use_evaluation(evaluation, names, use)
    return found[0]


@click.group(cls=Group)
def cases() -> None:
    """Draw cases from traffic, or add one that failed."""


@cases.command("from")
@_FILES
@click.option("--n", type=click.IntRange(1), default=100, show_default=True, help="How many cases.")
@click.option("--by", metavar="FIELD", help="Each value of this field has its share of the cases.")
@_SINCE
@click.option("--output", type=click.Path(path_type=Path), help="A new .jsonl.  [default: standard output]")
def draw(files: tuple[Path, ...], n: int, by: str | None, since: str | None, output: Path | None) -> None:
    """Draw cases from the samples in FILEs, which are as those of `steelyard watch`.

    Each sample has the same probability, which its case keeps, so that a plain mean over the cases is one over the
    traffic. Placeholders stand for personal data; `cluster` groups what resembles each other or is of one session. The
    same files give the same cases. Without `expected` they are for people, with review= on the marker.

    \b
    Example:
      steelyard cases from traces.jsonl --since 2026-11-24 --by language --output evals/support/cases.jsonl
    """
    from harness.gate.traffic.drawing import draw_cases
    from harness.gate.traffic.traces import Traces

    if output is not None and output.exists():
        raise CaseError(f"{output} is there already: name a new file with --output, or add cases to it by hand.")
    traces = Traces(files, _day(since, "--since").timestamp())
    drawn, total = draw_cases(traces, n, by)
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in drawn)
    if output is None:
        click.echo(lines, nl=False)
    elif drawn:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(lines, encoding="utf-8")
    where = "" if output is None else f" in {output}"
    say(f"{len(drawn):,} cases of {total:,} samples{where}", err=True)
    for reason, number in traces.left_out.items():
        say(f"left out: {number:,} {reason}", err=True)


@cases.command()
@click.argument("source", metavar="RUN_OR_FILE")
@click.argument("name", metavar="ID")
@click.option("--to", "target", metavar="FILE", required=True, type=click.Path(path_type=Path), help="A .jsonl.")
@click.option("--expected", metavar="TEXT", help="What would have been right.")
@place_option
def add(source: str, name: str, target: Path, expected: str | None, place: str | None) -> None:
    """Add the sample ID, of a file of traces or of a stored run, to a file of cases under the same id.

    \b
    Example:
      steelyard cases add traces.jsonl 4bf92f3577b34da6 --to evals/support/cases.jsonl --expected "within 14 days"
    """
    from harness.gate.traffic.drawing import add_case, case_of

    case, output = _of_file(Path(source), name) if Path(source).exists() else _of_run(source, name, place)
    fields = case_of(case, output) | ({} if expected is None else {"expected": expected})
    say(f"{target} has {add_case(fields, target):,} cases with {name}")


def _of_file(path: Path, name: str) -> tuple[Case, str]:
    from harness.gate.traffic.traces import Traces

    for each in Traces([path]):
        if each.id == name:
            return each.case, each.output
    raise CaseError(f"{path} has no sample {name!r} with a question and an answer.")


def _of_run(run_name: str, name: str, place: str | None) -> tuple[Case, str]:
    from harness.gate.history.answers import answers_of_case
    from harness.gate.history.runs import find_version
    from harness.records import Case
    from harness.store.location import settings_with_store

    with open_store(settings_with_store(place)) as store:
        answers = answers_of_case(store, find_version(store.runs(), run_name).run, name)
    for each in answers:
        if each.request is not None and each.sample is not None and each.request.user_turns:
            asked = {"prompt": each.request.user_turns[-1], "messages": list(each.request.messages)}
            return Case({"id": name, **asked}), each.sample.text
    raise CaseError(f"Run {run_name!r} has no answer to a case {name!r}, and there is no such file.")
