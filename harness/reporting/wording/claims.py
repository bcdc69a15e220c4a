"""Says what verdicts are about, and which cases are lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.records import LostClaim, Verdict
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

ABOUT = {"suite": "these cases", "population": "cases like these"}
"""What a verdict may be about."""
_NAMED = 5


def lost_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """The cases that look worse than the baseline's, in a line for each evaluation that has some."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for verdict in verdicts:
        lost = () if verdict.lost is None else verdict.lost.cases
        if verdict.lost is not None and lost:
            name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
            sure = "" if verdict.lost.max_lost is None else _sure(verdict.lost)
            told.append(f"{plural(len(lost), 'case')} shown to be worse in {name}: {_some(lost, encoding)}{sure}")
    return told


def _sure(lost: LostClaim) -> str:
    """Say how many of them are sure enough to count against `max_lost`."""
    return f"; {count(lost.n_decisive)} of them surely enough to count against max_lost={lost.max_lost}"


def _some(cases: Iterable[str], encoding: str) -> str:
    names = [printable(case, 40, cut="middle", encoding=encoding) for case in cases]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {count(more)} more" if more > 0 else "")
