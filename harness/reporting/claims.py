"""What verdicts are about, what the other claim would come to, and which cases are lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.records import LostClaim, Verdict, VerdictKind
from harness.reporting.figures import count, plural
from harness.reporting.names import display_names
from harness.reporting.text import printable

_CLAIMS = {"suite": "these cases", "population": "cases like these"}
_NAMED = 5


def claim_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """Where the other claim comes to another verdict, or can't be told yet."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for about, other in (("suite", "population"), ("population", "suite")):
        own = [each for each in verdicts if each.about == about and each.claims is not None]
        found: dict[str, list[str]] = {}
        for verdict in own:
            claim = getattr(verdict.claims, other)
            if claim is not None and claim.verdict is not verdict.verdict:
                name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
                found.setdefault(_come_to(verdict, claim.verdict, about, other), []).append(name)
        told += [f"{_few(named)}: {text}" for text, named in found.items()]
    return told


def _come_to(verdict: Verdict, otherwise: VerdictKind, about: str, other: str) -> str:
    left = verdict.suite_size - verdict.n_cases - verdict.n_skipped
    if other == "suite" and otherwise is VerdictKind.INCONCLUSIVE and left > 0:
        return (
            f"{verdict.verdict} about {_CLAIMS[about]}; about {_CLAIMS[other]} it is not known, for not all were drawn"
        )
    return f"{verdict.verdict} about {_CLAIMS[about]}, {otherwise} about {_CLAIMS[other]}"


def _few(names: Sequence[str]) -> str:
    return (
        f"{', '.join(names[:_NAMED])} and {count(len(names) - _NAMED)} more"
        if len(names) > _NAMED
        else ", ".join(names)
    )


def lost_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """The cases that look worse than the baseline's, in a line for each evaluation that has some."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for verdict in verdicts:
        if verdict.claims is None or verdict.claims.lost is None:
            continue
        lost = verdict.claims.lost.cases
        if lost:
            name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
            sure = "" if verdict.claims.lost.max_lost is None else _sure(verdict.claims.lost)
            told.append(f"{plural(len(lost), 'case')} shown to be worse in {name}: {_some(lost, encoding)}{sure}")
    return told


def _sure(lost: LostClaim) -> str:
    """How many of them are sure enough to count against `max_lost`."""
    return f"; {count(lost.n_decisive)} of them surely enough to count against max_lost={lost.max_lost}"


def _some(cases: Iterable[str], encoding: str) -> str:
    return _few([printable(case, 40, cut="middle", encoding=encoding) for case in cases])
