"""What verdicts are about, what the other claim would come to, and which cases are lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.records import Verdict
from harness.reporting.figures import count, plural
from harness.reporting.names import display_names
from harness.reporting.text import printable

_CLAIMS = {"suite": "these cases", "population": "cases like these"}
_NAMED = 5


def claim_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """What the verdicts are about, and what they would be about the other; nothing where none has two claims."""
    told = []
    for about, other in (("suite", "population"), ("population", "suite")):
        own = [each for each in verdicts if each.about == about and each.claims is not None]
        others = [getattr(each.claims, other) for each in own]
        kinds = Counter(each.verdict for each in others if each is not None)
        if not kinds:
            continue
        words = [f"{count(kinds[kind])} {kind}" for kind in sorted(kinds, key=lambda kind: -kind.severity)]
        these = "verdicts are" if len(own) > 1 else "the verdict is"
        told.append(f"{these} about {_CLAIMS[about]}; about {_CLAIMS[other]} it would be {', '.join(words)}")
    return told


def lost_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """The cases that are shown to be worse than the baseline's, in a line for each evaluation that has some."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for verdict in verdicts:
        lost = () if verdict.claims is None or verdict.claims.lost is None else verdict.claims.lost.cases
        if lost:
            name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
            told.append(f"{plural(len(lost), 'case')} shown to be worse in {name}: {_some(lost, encoding)}")
    return told


def _some(cases: Iterable[str], encoding: str) -> str:
    every = list(cases)
    named = ", ".join(printable(case, 40, cut="middle", encoding=encoding) for case in every[:_NAMED])
    return f"{named} and {count(len(every) - _NAMED)} more" if len(every) > _NAMED else named
