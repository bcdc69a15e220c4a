"""What became of traffic, as a person reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from harness.reporting.shared.figures import count, figure
from harness.reporting.shared.text import Block, printable


def view(report: Mapping[str, Any]) -> Iterator[Block]:
    """Say the verdict first, then each metric, what could not be measured, the lowest samples, and what to do."""
    yield f"{report['verdict'].upper()}: {report['evaluation']}"
    for name, own in report["metrics"].items():
        change = f"alarm on {own['alarm']}, begun on {own['began']} (an estimate)" if own["alarm"] else "no alarm"
        seen = f"mean {figure(own['mean'])} of {count(own['observations'])} sessions, level {figure(own['level'])}"
        yield printable(name, 12), f"{change}; {seen}; evidence {own['evidence']:.3g} of {own['limit']:g}"
    days, lost, skipped = report["days_between_false_alarms"], count(report["unmeasured"]), count(report["skipped"])
    yield "alarms", f"false ones {days:g} days apart or more, in the mean, while the mean is at the level or above"
    yield "samples", f"{count(report['samples'])}; {lost} could not be measured, {skipped} skipped"
    yield from (("why", printable(error, 300)) for error in report["errors"])
    yield from (("left out", f"{count(number)}: {reason}") for reason, number in report["left_out"].items())
    for each in report["lowest"]:
        what = f"{printable(each['id'])}   {printable(each['reason'] or '', 160)}"
        yield f"{figure(each['score'])} on {each['day']}", what
    if report["verdict"] == "changed":
        name = shlex.quote(printable(report["lowest"][0]["id"]))
        yield "next", f"steelyard cases from FILE --id {name} >> evals/…/failures.jsonl"
    elif not report["samples"]:
        yield "next", "give each answer `id`, `time`, `prompt`, `output`: steelyard watch --help; see --since, too"
    elif report["verdict"] == "could not measure":
        yield "next", "watch an evaluation that asks what production was asked: `await model.ask(case.prompt)`"
