"""`steelyard watch` and `steelyard cases`: what production answers, watched, and made to cases."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from harness.cli import Group
from harness.cli.console import Number, emit, place_option, say
from harness.errors import CaseError
from harness.gate.traffic.traces import Traces, clean_cases, draw_cases
from harness.gate.traffic.watching import level_of, score_samples, watch_samples
from harness.plugin.watching import use_evaluation
from harness.reporting.shared.figures import plural
from harness.reporting.shared.files import prepare_folder, replacing
from harness.reporting.terminal.progress import LiveLine
from harness.reporting.watch import view

_PATH = click.Path(path_type=Path)
_FILES = click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_PATH)
_SINCE = click.option(
    "--since", metavar="DAY", type=click.DateTime(["%Y-%m-%d"]), help="Samples of that day (UTC) and later alone."
)


@click.command()
@_FILES
@click.option("--evaluation", metavar="FILE::TEST", required=True, help="Whose body and judges score the samples.")
@click.option("--level", metavar="SCORE", type=Number(0, 1), help="Below it is a change.  [threshold less margin]")
@click.option("--days", metavar="N", type=Number(1), default=90, show_default=True, help="Between false alarms.")
@_SINCE
@click.option("--session", metavar="FIELD", help="Groups samples that depend on each other.  [the trace's session]")
@click.option("--report-dir", metavar="FOLDER", type=_PATH, help="For watch.json.  [the settings']")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@place_option
def watch(files: tuple[Path, ...], evaluation: str, place: str | None, as_json: bool, **given: Any) -> None:
    """Score the samples of production in FILEs, and tell whether their mean has fallen, and since when.

    A FILE has JSON lines (id, time, prompt or messages, output, session, and any other field), OpenTelemetry's GenAI
    spans as OTLP's JSON, or Langfuse's export. What a body asks that is not in the trace could not be measured. The
    same files give the same answer, and more files go on from there; judges are asked for what is new alone. Each
    evaluation that is watched has false alarms of its own.

    Exit code 0: nothing shown. 1: changed. 8: half of the samples, or of the last week's, could not be measured.

    \b
    Example:
      steelyard watch traces.jsonl --evaluation suites/test_answers.py::test_polite
    """
    traces = Traces(files, given["since"], given["session"])

    def use(own: Any, settings: Any) -> dict[str, Any]:
        folder = prepare_folder(given["report_dir"] or settings.report_folder)
        level = level_of(own.plan, given["level"])  # one that can't be is refused before a judge is asked
        scoring = score_samples(own, traces, settings, lambda n: line.write([f"samples scored: {n:,}"]))
        scored, errors = asyncio.run(scoring)
        report = {"evaluation": own.id, **watch_samples(scored, level, given["days"]), "errors": errors}
        report["left_out"] = dict(traces.left_out)
        with replacing(folder / "watch.json") as temporary:
            temporary.write_text(json.dumps(report, indent=2), encoding="utf-8")
        return report

    try:
        with LiveLine(sys.stderr, sys.stderr.isatty(), 80, log_prefix="steelyard watch  ") as line:
            report = use_evaluation(evaluation, use, *([] if place is None else [f"--store={place}"]))
    except KeyboardInterrupt:
        say("Interrupted. What judges have answered is stored: run again to go on from there.", err=True)
        sys.exit(2)  # as pytest's
    emit(report, view, as_json)
    sys.exit(report["exit_code"])


@click.group(cls=Group)
def cases() -> None:
    """Make cases of traffic.

    \b
    Example:
      steelyard cases from traces.jsonl --n 200 > evals/support/cases.jsonl
    """


@cases.command("from")
@_FILES
@click.option("--n", type=click.IntRange(1), default=100, show_default=True, help="How many cases.")
@_SINCE
@click.option("--id", "name", metavar="ID", help="This sample alone, such as a failure that a watch showed.")
def draw(files: tuple[Path, ...], n: int, since: datetime | None, name: str | None) -> None:
    """Draw cases from the samples in FILEs, which are as those of `steelyard watch`, and write them as JSON lines.

    Each sample has the same probability, which its case keeps, so that a plain mean over the cases is one over the
    traffic. Placeholders stand for personal data; `cluster` groups what is of one session. The same files give the same
    cases. Without `expected` they are for people, with review= on the marker.

    \b
    Examples:
      steelyard cases from traces.jsonl --since 2026-11-24 > evals/support/cases.jsonl
      steelyard cases from traces.jsonl --id 4bf92f3577b34da6 >> evals/support/failures.jsonl
    """
    traces = Traces(files, since)
    drawn = draw_cases(traces, n) if name is None else [*clean_cases(each for each in traces if each.id == name)]
    left_out = [f"left out {number:,}: {reason}" for reason, number in traces.left_out.items()]
    if not drawn:
        sample = "sample" if name is None else f"sample {name!r}"
        raise CaseError("\n".join([f"There is no {sample} with a question, an answer and a time.", *left_out]))
    for each in drawn:
        click.echo(json.dumps(each, ensure_ascii=False).encode())
    say(plural(len(drawn), "case"), *left_out, err=True)
