"""Says what verdicts are about, and which cases are lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.records import LostClaim, Verdict
from harness.reporting.shared.cases import worst_cases
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

ABOUT = {"suite": "these cases", "population": "cases like these"}
"""What a verdict may be about."""
_NAMED = 5


def _few(names: Sequence[str]) -> str:
    return (
        f"{', '.join(names[:_NAMED])} and {count(len(names) - _NAMED)} more"
        if len(names) > _NAMED
        else ", ".join(names)
    )


def lost_in_words(lost: LostClaim, verdict: Verdict) -> tuple[str, str]:
    """Say how many cases are lost, and below it how sure that is and what it counts for, or why none is shown."""
    if not lost.cases:
        n_worse, _ = worst_cases(verdict, 0)
        few = f", {'not' if n_worse == 1 else 'none'} by enough for its few samples to show it"
        told = f"{plural(n_worse, 'case')} got worse{'' if verdict.is_certain else few}"
        return "no single case shown to be worse", told if n_worse else ""
    words = f"{plural(len(lost.cases), 'case')} shown to be worse"
    sure = "" if lost.max_lost is None else _sure(lost)
    return words, f"each by its own samples; on average at most 5 in 100 of such cases are not{sure}"


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
    return _few([printable(case, 40, cut="middle", encoding=encoding) for case in cases])
