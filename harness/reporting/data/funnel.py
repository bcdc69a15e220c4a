"""The funnel of a corpus: the documents that each step left, with the reasons of the removals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.reporting.shared.figures import count, duration, plural
from harness.reporting.shared.text import columns, flow, printable
from harness.reporting.terminal.report import Layout

if TYPE_CHECKING:
    from harness.stages.data.outcomes import CorpusStatistics, StepStatistics

_DIGITS = 12
_MOST_NAME = 24
_NARROW = 60
_MOST_REASONS = 4


def summary(statistics: CorpusStatistics) -> str:
    """Say how many documents were kept, in a line: "4,102 of 5,000 documents kept (82 %)"."""
    kept, came = statistics.documents_out, statistics.documents_in
    return f"{count(kept)} of {plural(came, 'document')} kept ({_share(kept, came)})"


def funnel_lines(statistics: CorpusStatistics, layout: Layout) -> list[str]:
    """The funnel as lines without line ends: a row for each step, its most frequent reasons below it."""
    encoding, width = layout.encoding, layout.width
    unit = "words" if statistics.token_unit == "words" else f"tokens of {statistics.token_unit}"
    facts = [
        summary(statistics),
        f"{count(statistics.tokens_out)} of {count(statistics.tokens_in)} {unit} "
        f"({_share(statistics.tokens_out, statistics.tokens_in)})",
        f"built in {duration(statistics.seconds)}",
        f"fingerprint {statistics.fingerprint[:_DIGITS]}",
    ]
    name = printable(statistics.name, 60, encoding=encoding)
    lines = [name, *(f"  {line}" for line in flow(facts, width - 2))]
    if not statistics.steps:
        return [*lines, "", "  no step: the documents are as they come"]
    head = ("step", "in", "out", "removed", "seconds", "left")
    rows = [_row(step, statistics.documents_in, encoding) for step in statistics.steps]
    is_narrow = width < _NARROW
    table = columns([row[:4] if is_narrow else row for row in (head, *rows)])
    lines += ["", f"  {table[0]}"]
    for step, line in zip(statistics.steps, table[1:], strict=True):
        lines += [f"  {line}", *_reasons(step.reasons, width, encoding)]
    return lines


def _row(step: StepStatistics, came: int, encoding: str) -> tuple[str, ...]:
    return (
        printable(step.step, _MOST_NAME, cut="middle", encoding=encoding),
        count(step.documents_in),
        count(step.documents_out),
        _share(step.removed, step.documents_in),
        f"{step.seconds:,.1f}",
        _share(step.documents_out, came),
    )


def _reasons(reasons: Mapping[str, int], width: int, encoding: str) -> list[str]:
    """The most frequent reasons of a step."""
    if not reasons:
        return []
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    pieces = [f"{printable(reason, 40, encoding=encoding)} {count(n)}" for reason, n in ranked[:_MOST_REASONS]]
    pieces += [f"and {count(len(ranked) - _MOST_REASONS)} more"] if len(ranked) > _MOST_REASONS else []
    lines = flow([*(f"{piece}," for piece in pieces[:-1]), *pieces[-1:]], max(20, width - 6), " ")
    return [f"      {line}" for line in lines]


def _share(part: int, whole: int) -> str:
    """A share in per cent, with a digit more where it is small or nearly all.

    >>> _share(1, 3), _share(1, 1000), _share(0, 0), _share(5, 5), _share(999, 1000)
    ('33 %', '0.1 %', '-', '100 %', '99.9 %')
    """
    if not whole:
        return "-"
    percent = 100 * part / whole
    is_round = part in (0, whole) or 10 <= percent <= 90
    return f"{percent:.0f} %" if is_round else f"{percent:.1f} %"
