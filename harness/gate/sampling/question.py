"""What a gate asks of one evaluation, as the ledger keeps it: what makes it another question, and its comparisons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pydantic

from harness.config.roles import AGAINST
from harness.decisions import Observations
from harness.records import Other, Role, Stakes

ANEW = "drawn anew"
COMPARISONS = ("threshold", *AGAINST)
Draws = tuple[int, ...]
"""Generations of draws, in the order in which they are looked through for a sample."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of a candidate among those that are counted on the same cases, settled at its first look.

    Attributes:
        number: counted from 1; 0 for one that is not counted.
        greens: how many of those before it were green.
        share: of the error rate, at which it may pass.
        baseline_level: at which a bound of its recorded baseline is wrong that all candidates share; 0 for pairs.
    """

    number: int = 0
    greens: int = 0
    share: float = 1.0
    baseline_level: float = 0.0


NOT_COUNTED = Turn()


@dataclass(frozen=True)
class Asked:
    """All that the bets of an evaluation depend on, settled before anything is seen, whatever is asked for later.

    Attributes:
        words: what makes it another question, by the name that is told then.
        draws: the generations that each version is answered with, the oldest first: by role (with "@INDEX" where it has
            draws of its own), of judges by fingerprint.
        cases: a digest of each case, in the order drawn.
        stakes: what its bets are tuned to. Another margin or threshold is no other question: all bounds hold at once.
        others: what the candidate is weighed against.
        seed: of the order.
        largest_cluster: the most cases that were one bet by their sum.
        n_cases: with how many it was first asked.
        may_grow: whether new cases can be bet on like the old ones: about cases like these, as long as it may stop.
        turn: the place of its candidate among those that are counted on the same cases.
    """

    words: dict[str, str | int | float | None]
    draws: dict[str, Draws]
    cases: tuple[str, ...]
    stakes: Stakes
    others: dict[Role, Other]
    seed: int = 0
    largest_cluster: int = 1
    n_cases: int = 0
    may_grow: bool = False
    turn: Turn = NOT_COUNTED

    @property
    def digest(self) -> str:
        """Names the question, whatever cases came later."""
        recordings = {role: each.recording for role, each in self.others.items()}
        plain = json.dumps([self.words, self.draws, recordings], sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    @property
    def plain(self) -> str:
        """As JSON."""
        return _JSON.dump_json(self).decode()

    def with_cases(self, cases: Iterable[str]) -> tuple[str, ...]:
        """Its cases in their order, and behind them those of these digests that it has not."""
        return tuple(dict.fromkeys((*self.cases, *cases)))

    def drawn(self, *, of_candidate: bool = False) -> set[tuple[str, int]]:
        """Whose draws of which generation it rests on, or the candidate's alone."""
        names = (name for name in self.draws if role_of(name) == "candidate" or not of_candidate)
        return {(name, number) for name in names for number in self.draws[name]}

    def of(self, comparison: str) -> Asked:
        """The question of one comparison alone."""
        left_out = {*AGAINST} - {comparison}
        draws = {name: numbers for name, numbers in self.draws.items() if role_of(name) not in left_out}
        others = {role: each for role, each in self.others.items() if role == comparison}
        return replace(self, draws=draws, others=others)

    def draws_of(self, role: Role) -> frozenset[str]:
        """The draws of another version that were seen: as a recording has them, or first index and generation."""
        drawn = ((*name.partition("@")[::2], number) for name, number in self.drawn())
        asked = (f"{index or 0}:{number}" for name, index, number in drawn if name == role)
        return frozenset([*self.others[role].draws, *asked])


_JSON = pydantic.TypeAdapter(Asked)


def role_of(name: str) -> str:
    """Whose draws are called so: a role, or a judge's fingerprint."""
    return name.partition("@")[0]


def read_question(plain: str) -> Asked | None:
    """The question that was written; None for what can't be read as one."""
    try:
        return _JSON.validate_json(plain)
    except pydantic.ValidationError:
        return None


def shares(before: Asked, now: Asked, comparison: str) -> bool:
    """Tell whether two questions have a comparison in common: both a threshold, or the same version in this role."""
    if comparison == "threshold":
        return now.words.get(comparison) is not None and before.words.get(comparison) == now.words[comparison]
    one, other = (each.others.get(comparison) for each in (before, now))  # type: ignore[call-overload]
    return one is not None and other is not None and one.fingerprint == other.fingerprint


def left_out(before: Asked, now: Asked) -> set[str]:
    """The cases that one question weighs and the other does not in all of its comparisons."""
    unpaired = [each.unpaired for each in before.others.values()]
    weighed = {*before.cases} - (frozenset.intersection(*unpaired) if unpaired else frozenset())
    return weighed - {*now.cases}.difference(*(each.unpaired for each in now.others.values()))


def changes(before: Asked | None, now: Asked) -> list[str]:
    """Say what makes it another question than one before; nothing where a run goes on with that."""
    if before is None:
        return ["another rule of the gate"]
    changed = {name: (before.words.get(name), now.words.get(name)) for name in (before.words | now.words)}
    both = [
        (role, before.others[role], now.others[role]) for role in AGAINST if role in before.others.keys() & now.others
    ]
    changed |= {f"recording of the {role}": (one.recording, other.recording) for role, one, other in both}
    why = [
        f"{name} {' → '.join('none' if each in (None, '') else str(each) for each in (old, new))}"
        for name, (old, new) in changed.items()
        if old != new
    ]
    judged, judges = (
        {name: each for name, each in asked.draws.items() if role_of(name) not in ("candidate", *AGAINST)}
        for asked in (before, now)
    )
    if judged.keys() != judges.keys():
        why.append("other judges")
    elif judged != judges:
        why.append("judged anew")
    elif before.draws != now.draws:
        why.append(ANEW)
    old, new = set(before.cases if now.may_grow else before.cases[: before.n_cases]), set(now.cases)
    if n_missing := len(old - new):
        why.append(f"{n_missing:,} {'case' if n_missing == 1 else 'cases'} changed or left out")
    elif (added := len(new - old)) and not now.may_grow:
        why.append(f"{added:,} new {'case' if added == 1 else 'cases'}")
    if any((one.unpaired ^ other.unpaired) & old & new for _, one, other in both):
        why.append("other cases have recorded scores")
    return why


def is_same(before: Asked, now: Asked) -> bool:
    """Tell whether two questions of one comparison are one, whichever has cases that came later."""
    return before.stakes == now.stakes and not (changes(before, now) and changes(now, before))


def unless_grown(question: Asked | None, observed: Observations) -> Observations:
    """The same; undecided where it can't be bet on and has grown since it was first asked: each number of cases is
    another test. That a body may measure was not seen then, or it would have been another question.
    """
    if question is None or observed.undecided or observed.plan.design == "fixed" or observed.is_sequential:
        return observed
    by_samples = observed.plan.per == "case"
    has_more = observed.n_planned > question.stakes.horizon if by_samples else len(question.cases) > question.n_cases
    what = "samples" if by_samples else "cases"
    text = (
        f"a measure that can't be bet on, with more {what} than when it was first looked at (say -> harness.Measure, "
        "and they are another look)"
    )
    return replace(observed, undecided=text) if has_more else observed
