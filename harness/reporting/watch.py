"""What became of traffic, as a person reads it, on the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.reporting.shared.figures import count, figure, plural
from harness.reporting.shared.text import Block, printable

_DAYS = 14


def view(report: Mapping[str, Any]) -> Iterator[Block]:
    """Say the verdict first, then each metric, the last days, what could not be measured, and the lowest samples."""
    yield f"{report['verdict'].upper()}: {report['evaluation']}"
    days = f"{report['days_between_false_alarms']:g}"
    yield ("level", f"a false alarm comes once in {days} days at most, in the mean, while the mean is the level or above")
    for name, own in report["metrics"].items():
        change = f"alarm on {own['alarm']}; it began on {own['began']} (an estimate)" if own["alarm"] else "no alarm"
        seen = f"mean {figure(own['mean'])} of {plural(own['observations'], 'session')}, level {figure(own['level'])}"
        yield (name[:12], f"{seen} ({own['level_is']}); {change}; evidence {own['evidence']:.3g} of {own['limit']:g}")
    yield ("samples", f"{count(report['samples'])}, of which {count(report['unmeasured'])} could not be measured and "
           f"{count(report['skipped'])} were skipped")  # fmt: skip
    yield from (("why", printable(error)) for error in report["errors"])
    yield from (("left out", f"{count(number)} {reason}") for reason, number in report["left_out"].items())
    names = [*report["metrics"]]
    yield ""
    yield [
        ("day", "samples", "not measured", *(printable(name, 20) for name in names)),
        *((day, count(own["samples"]), count(own["unmeasured"]), *(figure(own[name]) for name in names))
          for day, own in [*report["days"].items()][-_DAYS:]),
    ]  # fmt: skip
    yield ""
    for each in report["lowest"]:
        yield ("lowest", f"{figure(each['score'])} on {each['day']}  {printable(each['id'])}  {printable(each['reason'] or '', 160)}")
    if report["lowest"]:
        yield ("next", f"steelyard cases add FILE {printable(report['lowest'][0]['id'])} --to evals/…/cases.jsonl")


def markdown(report: Mapping[str, Any]) -> str:
    """The same as a page."""
    lines = ["# Watch", ""]
    for block in view(report):
        if isinstance(block, list):
            head, *rows = ["| " + " | ".join(each.replace("|", "\\|") for each in row) + " |" for row in block]
            lines += [head, "|" + " --- |" * len(block[0]), *rows]
        else:
            lines.append(block if isinstance(block, str) else f"- {block[0]}: {block[1]}")
    return "\n".join(lines) + "\n"
