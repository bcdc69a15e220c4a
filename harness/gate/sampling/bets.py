"""The bets of an evaluation, settled before a look at it, and whether a later run goes on with the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from harness.decisions import Observations
from harness.gate.evaluations.contents import settled_digest
from harness.records import Case, Stakes

RULE = 1
"""Raised whenever the rule of the gate changes what bets come to: looks by another rule are looks of their own."""

ANEW = "drawn anew"
Draws = tuple[int, ...]
"""Generations of draws, in the order in which they are looked through for a sample."""

_SIZE = 16
"""Hexadecimal digits that stand for a case."""
_IN_WORDS = {
    "samples": "samples {0} → {1}",
    "about": "about the {0} → the {1}",
    "per": "per {0} → {1}",
    "cluster": "cluster {0} → {1}",
    "confidence_level": "confidence level {0} → {1}",
    "max_lost": "max_lost {0} → {1}",
    "best_of": "best of {0} → of {1}",
    "aim": "aim {0} → {1}",
    "scale": "margin in {0} → in {1}",
    "slices": "slices {0} → {1}",
    "review": "review {0} → {1}",
    "metric": "metric {0} → {1}",
}
_TEXTS = (
    *("about", "per", "cluster", "design", "draws", "recorded", "aim", "scale", "slices", "prompting", "judges"),
    *("machine", "recorded_draws", "unpaired", "review", "metric"),
)


@dataclass(frozen=True, slots=True)
class Bets:
    """All that the bets of an evaluation depend on. It is settled before anything is seen, and stays.

    Attributes:
        rule: by which verdicts are found.
        about, per, cluster, design: as the marker or the settings have them.
        samples: of a case.
        draws: the generations of draws that the versions are answered with, the oldest first. A baseline that has
            draws of its own as one is written "baseline@INDEX", and so is a candidate that is drawn as a baseline.
        recorded: the run that the baseline's scores were recorded in; "" where they are drawn.
        recorded_draws: which draws these scores are of, as far as it is known; else the run. "" as above.
        unpaired: digests of the cases that a recording leaves out of the order in which it has others, sorted.
        confidence_level, best_of: of the gate.
        threshold, margin: what was required; bets stay tuned to it.
        max_lost: how many lost cases are allowed; None for any number.
        seed: of the order of the cases.
        horizon: how many units there were to be at most.
        aim: "lower" or "same", where the marker says so; "" elsewhere.
        scale: "per cent" for a margin that is a share of the baseline's figure; "" for one in the unit.
        slices: the fields that they are of, and the number of values of each; "" for none.
        prompting: how the documents of a task become prompts; "" for cases.
        judges: the fingerprints of those that are asked, with the generations of their draws; "" for none.
        may_grow: whether new cases can be bet on like the old ones.
        largest_cluster: the most cases that were one bet by their sum.
        review: how items are drawn for people, whose labels then decide; "none" where they don't.
        n_cases: with how many it was entered.
        metric: which metrics of a task are weighed; "" for cases.
        machine: the kind of machine on which blocks under load are measured; "" for what measures none.
        cases: a digest of each case, in the order of the evaluation's draws.
    """

    about: str
    per: str
    cluster: str
    design: str
    samples: int
    draws: str
    recorded: str
    confidence_level: float
    best_of: int
    threshold: float | None
    margin: float
    max_lost: int | None
    seed: int
    horizon: int
    cases: tuple[str, ...]
    rule: int = RULE
    aim: str = ""
    scale: str = ""
    slices: str = ""
    prompting: str = ""
    judges: str = ""
    may_grow: bool = True
    largest_cluster: int = 0
    machine: str = ""
    recorded_draws: str = ""
    unpaired: str = ""
    review: str = ""
    metric: str = ""
    n_cases: int = 0

    @property
    def weighed(self) -> frozenset[str]:
        """The cases that are weighed against the baseline."""
        return frozenset(self.cases).difference(_parts(self.unpaired))

    @property
    def stakes(self) -> Stakes:
        """The stakes that its bets are tuned to."""
        return Stakes(self.threshold, self.margin, self.horizon, self.design == "sequential")

    @property
    def all_draws(self) -> dict[str, Draws]:
        """The generations of versions and judges, by what `draws` and `judges` call them."""
        return draws_of(self.draws) | draws_of(self.judges)

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"cases": "".join(self.cases)}


def bets_of(plain: Mapping[str, Any]) -> Bets | None:
    """The bets that `plain` wrote; None for those of a rule whose bets had other parts."""
    names = {field.name for field in fields(Bets)}
    text = plain.get("cases")
    if not names <= set(plain) or not isinstance(text, str) or not _are_of_their_kinds(plain):
        return None
    return Bets(**{**{name: plain[name] for name in names}, "cases": _parts(text)})


def _parts(text: str) -> tuple[str, ...]:
    """The digests of cases that a text has."""
    return tuple(text[start : start + _SIZE] for start in range(0, len(text), _SIZE))


_NUMBERS = ("samples", "confidence_level", "margin", "horizon", "largest_cluster", "n_cases")
_DRAWS = re.compile(r"([^=;]+=\d+(,\d+)*(;|$))*")


def _are_of_their_kinds(plain: Mapping[str, Any]) -> bool:
    """True for what `plain` can have written: a store may be edited, or damaged."""
    texts = all(isinstance(plain[name], str) for name in _TEXTS)
    numbers = all(isinstance(plain[name], int | float) for name in _NUMBERS)
    return texts and numbers and all(_DRAWS.fullmatch(plain[name]) for name in ("draws", "judges"))


def draws_in_words(draws: Mapping[str, Draws]) -> str:
    """Generations by version, as one text.

    >>> draws_of(draws_in_words({"candidate": (1, 0), "baseline@1000000": (0,)}))
    {'candidate': (1, 0), 'baseline@1000000': (0,)}
    """
    return ";".join(f"{name}={','.join(map(str, numbers))}" for name, numbers in draws.items())


def draws_of(text: str) -> dict[str, Draws]:
    """Generations by what a text calls the version."""
    parts = (part.partition("=") for part in text.split(";") if part)
    return {name: tuple(map(int, numbers.split(","))) for name, _, numbers in parts}


def with_draws(text: str, new: Mapping[str, Draws]) -> str:
    """Draws in words, with other generations of the versions among them that are named.

    >>> with_draws("candidate=0;baseline=0", {"candidate": (1,), "judge": (1,)})
    'candidate=1;baseline=0'
    """
    return draws_in_words({name: new.get(name, numbers) for name, numbers in draws_of(text).items()})


def of_candidate(draws: Mapping[str, Draws]) -> dict[str, Draws]:
    """The draws of the candidate alone."""
    return {name: numbers for name, numbers in draws.items() if name.partition("@")[0] == "candidate"}


def of_threshold(bets: Bets) -> Bets:
    """The bets on the candidate's score alone."""
    draws = draws_in_words(of_candidate(draws_of(bets.draws)))
    return replace(bets, recorded="", recorded_draws="", unpaired="", draws=draws)


def all_drawn(bets: Bets) -> set[tuple[str, int]]:
    """The generations of all versions and judges, with what each is called."""
    return {(name, each) for name, numbers in bets.all_draws.items() for each in numbers}


def drawn_of_candidate(bets: Bets) -> set[tuple[str, int]]:
    """The generations of the candidate, with what it is called."""
    return {(name, each) for name, numbers in of_candidate(draws_of(bets.draws)).items() for each in numbers}


def taken_over(wanted: Bets, settled: Bets) -> Bets:
    """The bets that are wanted, with the order, the stakes and the draws of others, but for the baseline's."""
    draws = draws_in_words({**draws_of(wanted.draws), **draws_of(settled.draws)})
    names = ("threshold", "margin", "horizon", "design", "largest_cluster", "n_cases")
    stakes = {name: getattr(settled, name) for name in names}
    return replace(wanted, seed=settled.seed, cases=settled.cases, draws=draws, judges=settled.judges, **stakes)


def still_of(before: str, wanted: str, usable: Mapping[str, Draws]) -> str:
    """The draws of a look before, where they are not too old (those that another run began since are not); else those
    wanted.
    """
    kept = {name: each for name, each in draws_of(before).items() if name in usable}
    return with_draws(wanted, {n: each for n, each in kept.items() if each[0] in usable[n] or each[0] > max(usable[n])})


def seen_in_recording(known: Sequence[Bets | None], wanted: Bets, asked: Collection[str] = ()) -> str:
    """Say why what is left of recorded draws can't be weighed: they were seen, and can't be drawn anew, under whatever
    name they are recorded.

    Args:
        asked: as `RecordedSide` has it.
    """
    draws = {*wanted.recorded_draws.split(), *asked}
    same = [
        each
        for each in known
        if each is not None and wanted.recorded
        if each.recorded == wanted.recorded or draws.intersection(_of_other_side(each))
    ]
    gone = max((n_lacking(wanted, each) for each in same), default=0)
    told = "record it anew, from a run with --fresh"
    return f"what is left of a recording without {gone:,} of its cases that were seen ({told})" if gone else ""


def _of_other_side(bets: Bets) -> list[str]:
    """The draws of a baseline that were seen: as `recorded_draws` has them, or first index and generation."""
    asked = ((name.partition("@"), each) for name, numbers in draws_of(bets.draws).items() for each in numbers)
    return [*bets.recorded_draws.split(), *(f"{name[2] or 0}:{each}" for name, each in asked if name[0] == "baseline")]


def n_lacking(wanted: Bets, before: Bets) -> int:
    """Count the cases of a look before that are weighed no more; of one against a recording whose pairs were not kept,
    those that are there no more.
    """
    if before.recorded and not before.recorded_draws:
        return len(set(before.cases).difference(wanted.cases))
    return len(before.weighed - wanted.weighed)


def case_digests(cases: Sequence[Case]) -> list[str]:
    """A digest of id and content of each case; of the type alone of what has no JSON form that stays the same."""
    found = []
    for case in cases:
        text = f"{case.id}|{settled_digest(case)}".encode("utf-8", "surrogatepass")
        found.append(hashlib.blake2b(text, digest_size=_SIZE // 2).hexdigest())
    return found


def gone_on(before: Bets, now: Bets) -> Bets | list[str]:
    """The bets of a look before, where a run goes on with them; else all that keeps it from that, in words.

    Bets go on where nothing that they were settled by has changed. Asking for another margin or threshold changes none
    of them: their bounds hold for all at once. Nor does a new seed, for the order stays what it was. About cases like
    these, new cases come behind the old ones, and are bet on as they would have been.
    """
    why = [] if before.rule == now.rule else [f"the gate's rule {before.rule} → {now.rule}"]
    for name, text in _IN_WORDS.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            why.append(text.format(*("none" if each in (None, "") else each for each in (old, new))))
    if before.recorded != now.recorded:
        why.append("another recording of the baseline")
    elif before.draws != now.draws:
        why.append(ANEW)
    why += _asked_otherwise(before, now)
    if (before.threshold is None) != (now.threshold is None):
        why.append("a threshold, where there was none" if before.threshold is None else "the threshold is gone")
    fixed_matters = now.per == "case" or before.about == now.about == "population"
    if before.design != now.design and fixed_matters:
        why.append(f"design {before.design} → {now.design}")
    old_cases = set(before.cases if now.may_grow else before.cases[: before.n_cases])
    new_cases = set(now.cases)
    added, gone = len(new_cases - old_cases), len(old_cases - new_cases)
    may_grow = now.may_grow and now.about == "population" and now.design == "sequential"
    if gone:
        why.append(f"{gone:,} {_cases(gone)} changed or left out")
    elif added and not may_grow:
        why.append(f"{added:,} new {_cases(added)}")
    if before.recorded_draws and (before.weighed ^ now.weighed) & old_cases & new_cases:
        why.append("other cases have recorded scores")
    if why:
        return why
    before = replace(before, recorded_draws=now.recorded_draws, unpaired=now.unpaired)
    if not added:
        return before
    return replace(before, cases=(*before.cases, *(case for case in now.cases if case not in old_cases)))


def gone_on_as(before: Bets, decided: Bets) -> Bets | list[str]:
    """The same for bets that are decided by, whatever else they are entered for: order and stakes have to agree too."""
    found = gone_on(before, decided)
    if not isinstance(found, Bets):
        return found
    why = ["another order of its cases"] if found.cases != decided.cases else []
    if (found.stakes, found.largest_cluster) != (decided.stakes, decided.largest_cluster):
        why.append("bets tuned to other figures")
    return why or found


def unless_grown(bets: Bets | None, observed: Observations) -> Observations:
    """The same; undecided where it can't be bet on and has grown since the look was entered: each number of cases is
    another test. That a body may measure was not seen then, or it would have been another look.
    """
    if bets is None or observed.undecided or observed.design == "fixed" or observed.is_sequential:
        return observed
    has_more = observed.n_planned > bets.horizon if bets.per == "case" else len(bets.cases) > bets.n_cases
    what = "samples" if bets.per == "case" else "cases"
    way = "say -> harness.Measure, and they are another look"
    told = f"a measure that can't be bet on, with more {what} than when it was first looked at ({way})"
    return replace(observed, undecided=told) if has_more else observed


def _asked_otherwise(before: Bets, now: Bets) -> list[str]:
    """Say what else is asked than at a look before."""
    why = [f"{before.prompting} → {now.prompting}"] if before.prompting != now.prompting else []
    if before.judges != now.judges:
        names = (re.sub("=[^;]*", "", each.judges) for each in (before, now))
        why.append("judged anew" if len(set(names)) == 1 else "other judges")
    if before.machine != now.machine:
        why.append(f"another kind of machine ({before.machine} → {now.machine})")
    if not now.may_grow and now.per == "case" and before.horizon != now.horizon:
        why.append(f"at most {before.horizon:,} → {now.horizon:,} samples")
    return why


def _cases(count: int) -> Literal["case", "cases"]:
    return "case" if count == 1 else "cases"


def why_not(tried: Sequence[Bets | list[str] | None], ended: Sequence[str]) -> str:
    """Say what keeps a run from going on with the nearest earlier look, of several the newest; "" for no look."""
    told = [each if isinstance(each, list) else [why] for each, why in zip(tried, ended, strict=True)]
    nearest = min((len(each) for each in told), default=0)
    return next((", ".join(each) for each in reversed(told) if len(each) == nearest), "")


def chosen_of(known: Sequence[Bets | None], tried: Sequence[Bets | list[str] | None]) -> int | None:
    """The place of the look that a run goes on with: the newest that has just its cases, else the first that grows."""
    going = [place for place, each in enumerate(tried) if isinstance(each, Bets)]
    same = [place for place in going if tried[place] == known[place]]
    if same:
        return known.index(known[same[-1]])  # two machines may have looked alike: what they saw is here once
    return going[0] if going else None
