"""Says what verdicts are about, what the other claim would come to, and which cases are lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.records import Claim, LostClaim, Verdict, VerdictKind
from harness.reporting.shared.cases import worst_cases
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.text import printable

_CLAIMS = {"suite": "these cases", "population": "cases like these"}
_NAMED = 5


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One of the two claims as a report shows it.

    Attributes:
        name: what it is about: "these cases" or "cases like these".
        decides: whether the verdict goes by it.
        note: what a reader must know of it; "" for nothing.
    """

    name: str
    claim: Claim
    decides: bool
    note: str = ""


def claims_shown(verdict: Verdict) -> list[ShownClaim]:
    """Both claims of an evaluation, the one that decides first; those that can be told, where chance has a part."""
    told = []
    for about, name in sorted(_CLAIMS.items(), key=lambda each: each[0] != verdict.about):
        claim = None if verdict.claims is None else getattr(verdict.claims, about)
        decides = about == verdict.about
        if claim is not None and (decides or not verdict.is_certain):
            is_open = about == "suite" and not decides and _is_open(verdict, claim.verdict)
            told.append(ShownClaim(name, claim, decides, "not known, for not all were drawn" if is_open else ""))
    return told


def claim_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """Note where the other claim comes to another verdict, or can't be told yet; not where chance has no part."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for about, other in (("suite", "population"), ("population", "suite")):
        own = [each for each in verdicts if each.about == about and each.claims is not None and not each.is_certain]
        found: dict[str, list[str]] = {}
        for verdict in own:
            claim = getattr(verdict.claims, other)
            decided = _decided(verdict)
            if claim is not None and claim.verdict is not decided:
                name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
                found.setdefault(_come_to(verdict, decided, claim.verdict, about, other), []).append(name)
        told += [f"{_few(named)}: {text}" for text, named in found.items()]
    return told


def _decided(verdict: Verdict) -> VerdictKind:
    """The verdict by its own claim: lost cases may make it red though that passes on average."""
    own = None if verdict.claims is None else getattr(verdict.claims, verdict.about)
    return verdict.verdict if own is None else own.verdict


def _come_to(verdict: Verdict, decided: VerdictKind, otherwise: VerdictKind, about: str, other: str) -> str:
    on_average = " on average" if decided is not verdict.verdict else ""
    told = f"{decided}{on_average} about {_CLAIMS[about]}"
    if other == "suite" and _is_open(verdict, otherwise):
        return f"{told}; about {_CLAIMS[other]} it is not known, for not all were drawn"
    return f"{told}, {otherwise} about {_CLAIMS[other]}"


def _is_open(verdict: Verdict, of_suite: VerdictKind) -> bool:
    """Tell whether nothing can be told about these cases because not all of them were drawn."""
    left = verdict.suite_size - verdict.n_cases - verdict.n_skipped
    return of_suite is VerdictKind.INCONCLUSIVE and left > 0


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
        if verdict.claims is None or verdict.claims.lost is None:
            continue
        lost = verdict.claims.lost.cases
        if lost:
            name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
            sure = "" if verdict.claims.lost.max_lost is None else _sure(verdict.claims.lost)
            told.append(f"{plural(len(lost), 'case')} shown to be worse in {name}: {_some(lost, encoding)}{sure}")
    return told


def _sure(lost: LostClaim) -> str:
    """Say how many of them are sure enough to count against `max_lost`."""
    return f"; {count(lost.n_decisive)} of them surely enough to count against max_lost={lost.max_lost}"


def _some(cases: Iterable[str], encoding: str) -> str:
    return _few([printable(case, 40, cut="middle", encoding=encoding) for case in cases])
