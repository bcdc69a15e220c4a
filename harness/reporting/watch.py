"""What became of traffic, as a person reads it, on the terminal and as Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from harness.reporting.markdown.report import prose
from harness.reporting.shared.figures import count, figure
from harness.reporting.shared.text import Block, printable

_DAYS = 14


def view(report: Mapping[str, Any]) -> Iterator[Block]:
    """Say the verdict first, then each metric, what could not be measured, the last days, and the lowest samples."""
    yield f"{report['verdict'].upper()}: {report['evaluation']}"
    for name, own in report["metrics"].items():
        change = f"alarm on {own['alarm']}, begun on {own['began']} (an estimate)" if own["alarm"] else "no alarm"
        seen = f"mean {figure(own['mean'])} of {count(own['observations'])} sessions, level {figure(own['level'])}"
        yield (
            printable(name, 12),
            f"{change}; {seen} ({own['level_is']}); evidence {own['evidence']:.3g} of {own['limit']:g}",
        )
    days, lost, skipped = report["days_between_false_alarms"], count(report["unmeasured"]), count(report["skipped"])
    yield "alarms", f"false ones {days:g} days apart or more, in the mean, while the mean is at the level or above"
    yield "samples", f"{count(report['samples'])}; {lost} could not be measured, {skipped} skipped"
    yield from (("why", printable(error, 300)) for error in report["errors"])
    yield from (("left out", f"{count(number)}: {reason}") for reason, number in report["left_out"].items())
    names = [*report["metrics"]]
    rows = [
        (day, count(own["samples"]), count(own["unmeasured"]), *(figure(own["means"][name]) for name in names))
        for day, own in [*report["days"].items()][-_DAYS:]
    ]
    yield ""
    yield [("day", "samples", "not measured", *(printable(name, 20) for name in names)), *rows]
    yield ""
    for each in report["lowest"]:
        what = f"{printable(each['id'])}   {printable(each['reason'] or '', 160)}"
        yield f"{figure(each['score'])} on {each['day']}", what
    if report["lowest"]:
        name = shlex.quote(printable(report["lowest"][0]["id"]))
        yield "next", f"steelyard cases add FILE {name} --to evals/…/cases.jsonl"


def markdown(report: Mapping[str, Any]) -> str:
    """The same as a page."""
    lines = []
    for block in view(report):
        if isinstance(block, list):
            rows = [f"| {' | '.join(map(prose, row))} |" for row in block]
            lines += [rows[0], "|" + " --- |" * len(block[0]), *rows[1:]]
        else:
            lines.append(f"- {': '.join(map(prose, block))}" if isinstance(block, tuple) else prose(block))
    return "# Watch\n\n" + "\n".join(lines) + "\n"
