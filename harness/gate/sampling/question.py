"""The question that a look asks of an evaluation: all that its bets depend on, settled before anything is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pydantic

from harness.decisions import Observations
from harness.gate.evaluations.cases import settled_digest
from harness.records import Case, Stakes

RULE = 2
"""Raised whenever the rule of the gate changes what bets come to: questions by another rule are others."""
ANEW = "drawn anew"
Draws = tuple[int, ...]
"""Generations of draws, in the order in which they are looked through for a sample."""


@dataclass(frozen=True)
class Question:
    """All that the bets of an evaluation depend on. It stays as it was first asked, whatever is asked for later.

    Attributes:
        words: what makes it another question, by the name that is told then.
        draws: the generations that each version is answered with, the oldest first: of "candidate", "baseline" (with
            "@INDEX" where these have draws of their own) and of judges by fingerprint.
        cases: a digest of each case, in the order drawn.
        stakes: what its bets are tuned to. Another margin or threshold is no other question: all bounds hold at once.
        seed: of the order.
        largest_cluster: the most cases that were one bet by their sum.
        n_cases: with how many it was first asked.
        may_grow: whether new cases can be bet on like the old ones: about cases like these, as long as it may stop.
        unpaired: digests of the cases that a recorded baseline lacks.
        recorded: which draws a recorded baseline is of.
    """

    words: dict[str, str | int | float | None]
    draws: dict[str, Draws]
    cases: tuple[str, ...]
    stakes: Stakes
    seed: int = 0
    largest_cluster: int = 1
    n_cases: int = 0
    may_grow: bool = False
    unpaired: frozenset[str] = frozenset()
    recorded: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Names the question, whatever cases came later."""
        text = json.dumps([self.words, self.draws], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def weighed(self) -> frozenset[str]:
        """The cases that are weighed against the baseline."""
        return frozenset(self.cases) - self.unpaired

    @property
    def judges(self) -> dict[str, Draws]:
        """The draws of judges alone."""
        return {
            name: each for name, each in self.draws.items() if name.partition("@")[0] not in ("candidate", "baseline")
        }

    @property
    def plain(self) -> str:
        """As JSON."""
        return _JSON.dump_json(self).decode()

    def with_cases(self, cases: Iterable[str]) -> tuple[str, ...]:
        """Its cases in their order, and behind them those of these digests that it has not."""
        known = set(self.cases)
        return (*self.cases, *(case for case in cases if case not in known))

    def drawn(self, *, of_candidate: bool = False) -> set[tuple[str, int]]:
        """Whose draws of which generation it rests on.

        Args:
            of_candidate: the candidate's alone.
        """
        names = (name for name in self.draws if name.partition("@")[0] == "candidate" or not of_candidate)
        return {(name, number) for name in names for number in self.draws[name]}


_JSON = pydantic.TypeAdapter(Question)


def question_of(plain: str) -> Question | None:
    """The question that `plain` wrote; None for what another rule, or nobody, wrote."""
    try:
        return _JSON.validate_json(plain)
    except pydantic.ValidationError:
        return None


def changes(before: Question, now: Question) -> list[str]:
    """Say what makes it another question than one before; nothing where a run goes on with that."""
    names = dict.fromkeys((*before.words, *now.words))
    told = {name: (before.words.get(name), now.words.get(name)) for name in names}
    why = [f"{name} {_word(old)} → {_word(new)}" for name, (old, new) in told.items() if old != new]
    if before.judges.keys() != now.judges.keys():
        why.append("other judges")
    elif before.judges != now.judges:
        why.append("judged anew")
    elif before.draws != now.draws:
        why.append(ANEW)
    old, new = set(before.cases if now.may_grow else before.cases[: before.n_cases]), set(now.cases)
    if gone := len(old - new):
        why.append(f"{gone:,} {_cases(gone)} changed or left out")
    elif (added := len(new - old)) and not now.may_grow:
        why.append(f"{added:,} new {_cases(added)}")
    if (before.unpaired ^ now.unpaired) & old & new:
        why.append("other cases have recorded scores")
    return why


def _word(value: object) -> object:
    return "none" if value in (None, "") else value


def _cases(count: int) -> str:
    return "case" if count == 1 else "cases"


def case_digests(cases: Iterable[Case]) -> list[str]:
    """A digest of id and content of each case; of the type alone of what has no JSON form that stays the same."""
    texts = (f"{case.id}|{settled_digest(case)}".encode("utf-8", "surrogatepass") for case in cases)
    return [hashlib.blake2b(text, digest_size=8).hexdigest() for text in texts]


def unless_grown(question: Question | None, observed: Observations) -> Observations:
    """The same; undecided where it can't be bet on and has grown since it was first asked: each number of cases is
    another test. That a body may measure was not seen then, or it would have been another question.
    """
    if question is None or observed.undecided or observed.plan.design == "fixed" or observed.is_sequential:
        return observed
    by_samples = observed.plan.per == "case"
    has_more = observed.n_planned > question.stakes.horizon if by_samples else len(question.cases) > question.n_cases
    what = "samples" if by_samples else "cases"
    told = (
        f"a measure that can't be bet on, with more {what} than when it was first looked at (say -> harness.Measure, "
        "and they are another look)"
    )
    return replace(observed, undecided=told) if has_more else observed


def numbers_of(question: Question, cases: Sequence[Case]) -> list[int]:
    """The numbers of the cases in the order in which they are drawn."""
    numbers = {digest: number for number, digest in enumerate(case_digests(cases))}
    return [numbers[digest] for digest in question.cases if digest in numbers]
