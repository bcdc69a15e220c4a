"""The ledger of a gate: which look at its candidate this is, for each evaluation, and with what bets."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.decisions import Look, look_at, share_of
from harness.decisions.looks import ADDED_LATER, ordinal
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.slices import slices_in_words
from harness.gate.sampling.bets import Bets, bets_of, case_digests, gone_on
from harness.gate.sampling.order import draw_order, most_samples
from harness.store.ledger import LookRow, LookStore, Settle

Draws = tuple[int, ...]
"""Generations of draws, the newest first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's word about one evaluation in a run.

    Attributes:
        look: what it may spend.
        bets: what was settled before it; None where nothing is kept of it.
        is_new: whether this run is the first to look so.
        spent: the shares of all looks, this one included; above 1 where two stores handed out the same level.
    """

    look: Look
    bets: Bets | None = None
    is_new: bool = True
    spent: float = 0.0

    @property
    def baseline_samples(self) -> int | None:
        """The number of samples of a case that the baseline has; None for as many as the candidate."""
        return None if self.bets is None else self.bets.baseline_samples

    @property
    def horizon(self) -> int:
        """The most cases that there were to be at the first look; 0 where not known."""
        return 0 if self.bets is None else self.bets.horizon

    def order(self, evaluation: Evaluation) -> list[int] | None:
        """The numbers of the cases in the order in which they are drawn; None for the order of the run's own seed."""
        if self.bets is None:
            return None
        numbers = {digest: number for number, digest in enumerate(case_digests(evaluation.cases))}
        return [numbers[digest] for digest in self.bets.cases if digest in numbers]

    def draws(self, name: str) -> Draws | None:
        """The generations that a version's samples come from, by its role or a judge's fingerprint; None for those of
        the run.
        """
        if self.bets is None:
            return None
        known = _draws_of(self.bets.draws) | _draws_of(self.bets.judges)
        return next((numbers for each, numbers in known.items() if each.partition("@")[0] == name), None)


@dataclass(frozen=True, slots=True)
class Family:
    """The evaluations and versions whose looks are counted together.

    Attributes:
        candidate: fingerprint of the version under test.
        against: of what it is weighed against; "" for thresholds alone.
        evaluations: ids of all that there are, also of those that are not run now.
        confidence_level: of the gate.
        seed: of the order of cases, where nothing is settled yet.
        best_of: among how many candidates this one is chosen.
        draws: the generations that each version is answered with, by what `Bets.draws` calls it; no entry for a
            recorded baseline.
        judges: the same of judges, by fingerprint.
        recorded: the run that the baseline's scores were recorded in; "" where they are drawn.
        is_fresh: whether all is drawn anew.
        max_age_s: looks that are older count no more, for what they rest on does not either; None for no limit.
    """

    candidate: str
    against: str
    evaluations: tuple[str, ...]
    confidence_level: float
    seed: int = 0
    best_of: int = 1
    draws: Mapping[str, Draws] = field(default_factory=dict)
    judges: Mapping[str, Draws] = field(default_factory=dict)
    recorded: str = ""
    is_fresh: bool = False
    max_age_s: float | None = None


class Looks(Protocol):
    """The store of looks: `harness.store.ledger.LookStore`."""

    def settle(self, candidate: str, against: str, settle: Settle) -> Sequence[LookRow]:
        """Add the rows that `settle` makes of those of a family, while nobody else does; gives all of them."""


@dataclass(frozen=True, slots=True)
class KnownLooks:
    """The looks that a store has, to see what a run would enter without entering it."""

    store: LookStore

    def settle(self, candidate: str, against: str, settle: Settle) -> Sequence[LookRow]:
        """See `Looks`; nothing is added."""
        rows = self.store.of_family(candidate, against)
        settle(rows)
        return rows


class LookLedger:
    """The looks of a run, each entered before its first sample is drawn.

    Args:
        store: where looks are kept.
        family: whose looks they are.
        run_id: of the run that looks.
    """

    def __init__(self, store: Looks, family: Family, run_id: str) -> None:
        self._store = store
        self._family = family
        self._run_id = run_id

    def enter(self, evaluations: Sequence[Evaluation], baseline_samples: Mapping[str, int]) -> Mapping[str, Entry]:
        """Enter a look at each of these evaluations; one that goes on with the bets of a look before is that look.

        Args:
            baseline_samples: how many samples of a case the baseline has, by evaluation; none without a baseline.
        """
        asked = {each.id: each for each in evaluations}
        n_baseline, seed = baseline_samples, self._family.seed
        # Others wait while the ledger is settled, so what takes time is done before.
        by_family_seed = {name: self._wanted(each, n_baseline.get(name), seed) for name, each in asked.items()}
        entries: dict[str, Entry] = {}

        def settle(known: Sequence[LookRow]) -> list[LookRow]:
            added = self._members(known)
            rows = [*known, *added]
            for name, evaluation in asked.items():
                # The seed is chosen before anything is seen, once.
                seeds = [row.bets.get("seed") for row in rows if row.evaluation_id == name and row.number]
                first = next((each for each in seeds if isinstance(each, int)), seed)
                bets = by_family_seed[name]
                if first != seed:
                    bets = self._wanted(evaluation, n_baseline.get(name), first)
                entry, row = self._entered(name, bets, rows)
                entries[name] = entry
                added += [row] if row is not None else []
            return added

        self._store.settle(self._family.candidate, self._family.against, settle)
        return entries

    def _members(self, known: Sequence[LookRow]) -> list[LookRow]:
        """The rows of evaluations that are new in the family: together they are its next batch."""
        there = {row.evaluation_id for row in known}
        new = [name for name in dict.fromkeys(self._family.evaluations) if name not in there]
        batch = max((row.batch for row in known), default=0) + 1
        return [self._row(name, 0, 0.0, (batch, len(new)), None) for name in new]

    def _row(self, name: str, number: int, share: float, batch: tuple[int, int], bets: Bets | None) -> LookRow:
        plain = {} if bets is None else bets.plain()
        return LookRow(self._family.candidate, self._family.against, name, number, share, *batch, self._run_id, plain)

    def _entered(self, name: str, wanted: Bets, rows: Sequence[LookRow]) -> tuple[Entry, LookRow | None]:
        own = sorted((row for row in rows if row.evaluation_id == name), key=lambda row: row.number)
        batch = own[0].batch, own[0].batch_size
        counted = [row for row in own if row.number and self._counts(row)]
        spent, best_of = sum(row.share for row in counted), self._family.best_of
        known = [bets_of(row.bets) for row in counted]
        tried = [None if before is None else gone_on(before, self._as_before(before, wanted)) for before in known]
        place = _chosen(known, tried)
        if place is not None:
            told = str(counted[place].bets.get("because", ""))
            look, bets = look_at(place + 1, *batch, best_of=best_of, because=told), tried[place]
            assert isinstance(bets, Bets)
            # The order of new cases is settled as well, before they are drawn.
            grown = replace(counted[place], bets={**bets.plain(), "because": told}) if bets != known[place] else None
            return Entry(look, bets, is_new=False, spent=spent), grown
        because = _why(tried, counted)
        wanted = self._on_known_draws([each for each in known if each is not None], wanted)
        number = len(counted) + 1
        share = share_of(number)
        look = look_at(number, *batch, best_of=best_of, because=because)
        kept = self._row(name, max(row.number for row in own) + 1, share, batch, wanted)
        kept = replace(kept, bets={**kept.bets, "because": because})
        return Entry(look, wanted, spent=share + spent), kept

    def _counts(self, row: LookRow) -> bool:
        age = self._family.max_age_s
        return age is None or abs(time.time() - row.begun) <= age

    def _as_before(self, before: Bets, wanted: Bets) -> Bets:
        """The bets that are wanted, on the draws of a look before, where they are still good and nothing is drawn anew.

        Samples of the baseline that came in since then don't count: the bets were settled without them.
        """
        more = (wanted.baseline_samples or 0) >= (before.baseline_samples or 0) > 0
        if more and wanted.samples == before.samples:
            wanted = replace(wanted, baseline_samples=before.baseline_samples)
        if self._family.is_fresh:
            return wanted
        draws, judges = _still(before.draws, wanted.draws), _still(before.judges, wanted.judges)
        return replace(wanted, draws=draws, judges=judges)

    def _on_known_draws(self, known: Sequence[Bets], wanted: Bets) -> Bets:
        """The bets that are wanted, on the draws of the look before that had most of its cases, the newest of these.

        The newest draws of each case would be a choice of the best: whoever draws anew what went wrong, case by case,
        ends with a suite in which nothing does.
        """
        cases = set(wanted.cases)
        looked = sorted(known, key=lambda each: len(cases & set(each.cases)))
        return self._as_before(looked[-1], wanted) if looked else wanted

    def _wanted(self, evaluation: Evaluation, baseline_samples: int | None, seed: int) -> Bets:
        plan, judged = evaluation.plan, "judge" in evaluation.wants and not evaluation.weighs_judge
        digests = case_digests(evaluation.cases)
        order = draw_order(evaluation, seed)
        size = len(order) if plan.max_samples is None else min(len(order), plan.max_samples // plan.samples)
        if plan.per == "case":
            size = plan.max_samples or most_samples(plan.threshold, plan.margin)
        return Bets(
            about=plan.about,
            per=plan.per,
            cluster="" if plan.cluster is None else str(plan.cluster),
            design=plan.design,
            samples=plan.samples,
            baseline_samples=baseline_samples,
            draws=_in_words(self._family.draws),
            recorded=self._family.recorded,
            confidence_level=self._family.confidence_level,
            best_of=self._family.best_of,
            threshold=plan.threshold,
            margin=plan.margin,
            max_lost=plan.max_lost,
            seed=seed,
            horizon=size,
            cases=tuple(digests[number] for number in order),
            aim=plan.aim if plan.aim in ("lower", "same") else "",
            scale="per cent" if plan.margin_is_relative else "",
            slices=slices_in_words(plan.slices, evaluation.cases),
            prompting=evaluation.prompting,
            judges=_in_words(self._family.judges) if judged else "",
            may_grow=not evaluation.may_measure,
        )


def _why(tried: Sequence[Bets | list[str] | None], rows: Sequence[LookRow]) -> str:
    """Say what keeps a run from going on with the nearest earlier look, of several the newest; "" for no look."""
    ended = [str(row.bets.get("ended", "bets of another rule")) for row in rows]
    told = [each if isinstance(each, list) else [why] for each, why in zip(tried, ended, strict=True)]
    nearest = min((len(each) for each in told), default=0)
    return next((", ".join(each) for each in reversed(told) if len(each) == nearest), "")


def _chosen(known: Sequence[Bets | None], tried: Sequence[Bets | list[str] | None]) -> int | None:
    """The place of the look that a run goes on with: the newest that has just its cases, else the first that grows."""
    going = [place for place, each in enumerate(tried) if isinstance(each, Bets)]
    same = [place for place in going if tried[place] == known[place]]
    if same:
        return known.index(known[same[-1]])  # two machines may have looked alike: what they saw is here once
    return going[0] if going else None


def looks_in_words(entries: Mapping[str, Entry], level: float) -> list[str]:
    """The price of looking again, a line for each kind of new look; nothing for first looks, or for one gone on with.

    Args:
        level: the error rate of the gate.

    >>> looks_in_words({"a": Entry(look_at(2, 1, 1, because="samples 5 → 10")), "b": Entry(look_at(1, 1, 1))}, 0.05)[0]
    'a was weighed before for this candidate (samples 5 → 10). Its second look may be wrong 0.25 times in 100, not 4.5'
    """
    kinds: dict[tuple[int, str, float], list[str]] = {}
    for name, entry in entries.items():
        if entry.is_new and entry.look.number > 1:
            kinds.setdefault((entry.look.number, entry.look.because, entry.look.passing), []).append(name)
    lines = _added_later(entries, level)
    for (number, because, passing), names in sorted(kinds.items()):
        who = names[0].rpartition("::")[2] if len(names) == 1 else f"{len(names):,} evaluations"
        were, its = ("was", "Its") if len(names) == 1 else ("were", "Their")
        lines.append(
            f"{who} {were} weighed before for this candidate ({because}). {its} {ordinal(number)} look may be wrong "
            f"{100 * level * passing:.2g} times in 100, not {100 * level * share_of(1):.2g}"
        )
    over = sum(entry.spent > 1 + _ROUNDING for entry in entries.values())
    if over:
        lines.append(
            f"{over:,} {'evaluation was' if over == 1 else 'evaluations were'} looked at in two stores that were "
            "merged: their error rate was spent twice, and verdicts may be wrong more often than promised"
        )
    return lines


def _added_later(entries: Mapping[str, Entry], level: float) -> list[str]:
    """The levels of red of evaluations that were added to a family that had been weighed, a line for each."""
    levels: dict[float, list[str]] = {}
    for name, entry in entries.items():
        if entry.is_new and entry.look.because == ADDED_LATER:
            levels.setdefault(entry.look.red, []).append(name)
    lines = []
    for red, names in sorted(levels.items()):
        who = names[0].rpartition("::")[2] if len(names) == 1 else f"{len(names):,} evaluations"
        lines.append(
            f"{who} {'was' if len(names) == 1 else 'were'} {ADDED_LATER} for this candidate: red may be wrong "
            f"{100 * level * red:.2g} times in 100{'' if len(names) == 1 else ' for each'}"
        )
    return lines


_ROUNDING = 1e-9


def _in_words(draws: Mapping[str, Draws]) -> str:
    """Generations by version, as one text.

    >>> _draws_of(_in_words({"candidate": (1, 0), "baseline@1000000": (0,)}))
    {'candidate': (1, 0), 'baseline@1000000': (0,)}
    """
    return ";".join(f"{name}={','.join(map(str, numbers))}" for name, numbers in draws.items())


def _draws_of(text: str) -> dict[str, Draws]:
    """Generations by what a text calls the version."""
    parts = (part.partition("=") for part in text.split(";") if part)
    return {name: tuple(map(int, numbers.split(","))) for name, _, numbers in parts}


def _still(before: str, wanted: str) -> str:
    """The draws of a look before, where they are of the same versions and can still be had; else those wanted."""
    kept, usable = _draws_of(before), _draws_of(wanted)
    is_good = kept.keys() == usable.keys() and all(set(kept[name][:1]) <= set(usable[name]) for name in kept)
    return before if is_good else wanted
