"""The ledger of a gate: which look at its candidate this is, for each evaluation, and with what bets."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.decisions import Look, later, look_at, share_of
from harness.gate.evaluations.clusters import bet_on_together
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.slices import slices_in_words
from harness.gate.sampling.bets import (
    ANEW,
    Bets,
    Draws,
    all_drawn,
    bets_of,
    case_digests,
    chosen_of,
    drawn_of_candidate,
    draws_in_words,
    gone_on,
    gone_on_as,
    n_lacking,
    of_candidate,
    of_threshold,
    seen_in_recording,
    still_of,
    taken_over,
    why_not,
    with_draws,
)
from harness.gate.sampling.order import draw_order, most_samples
from harness.records import RecordedSide
from harness.stages.inference.load.machine import kind_of_machine
from harness.store.ledger import ENDED, LookRow, Settle

Settled = Mapping[str, Bets]


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's word about one evaluation in a run.

    Attributes:
        look: what it may spend.
        bets: what was settled before it; None where nothing is kept of it.
        is_new: whether this run is the first to look so.
        spent: the shares of all looks, this one included; above 1 where two stores handed out the same level.
        undecided: why it decides nothing and is no look, in words; "" where it is one.
    """

    look: Look
    bets: Bets | None = None
    is_new: bool = True
    spent: float = 0.0
    undecided: str = ""

    @property
    def horizon(self) -> int:
        """The most cases that there were to be at the first look; 0 where not known."""
        return 0 if self.bets is None else self.bets.horizon

    @property
    def largest_cluster(self) -> int:
        """The most cases that are one bet by their sum; 0 where that is not settled."""
        return 0 if self.bets is None else self.bets.largest_cluster

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
        return next((numbers for each, numbers in self.bets.all_draws.items() if each.partition("@")[0] == name), None)


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
        recorded: what is recorded of the baseline, by evaluation; empty where it is drawn.
        is_fresh: whether all is drawn anew.
        max_age_s: looks that are older count no more, for what they rest on does not either; None for no limit.
        seen: the looks at the candidate in other families.
        begin: begins a generation of each version, by role or a judge's fingerprint.
    """

    candidate: str
    against: str
    evaluations: tuple[str, ...]
    confidence_level: float
    seed: int = 0
    best_of: int = 1
    draws: Mapping[str, Draws] = field(default_factory=dict)
    judges: Mapping[str, Draws] = field(default_factory=dict)
    recorded: Mapping[str, RecordedSide] = field(default_factory=dict)
    is_fresh: bool = False
    max_age_s: float | None = None
    seen: Sequence[LookRow] = ()
    begin: Callable[[], Mapping[str, Draws]] = dict


class Looks(Protocol):
    """The store of looks: `harness.store.ledger.LookStore`."""

    def settle(self, candidate: str, against: str, settle: Settle) -> Sequence[LookRow]:
        """Add the rows that `settle` makes of those of a family, while nobody else does; gives all of them."""


@dataclass(frozen=True, slots=True)
class KnownLooks:
    """The looks that there are, to see what a run would enter without entering it."""

    looks: Looks

    def settle(self, candidate: str, against: str, settle: Settle) -> Sequence[LookRow]:
        """See `Looks`; nothing is added."""
        return self.looks.settle(candidate, against, lambda rows: (settle(rows), ())[1])


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
        self._anew: Mapping[str, Draws] = {}
        self._lacks_draws = False

    def enter(self, evaluations: Sequence[Evaluation], like: Settled | None = None) -> dict[str, Entry]:
        """Enter a look at each of these evaluations; one that goes on with the bets of a look before is that look.

        Args:
            like: bets whose order, stakes and draws of the candidate a new look takes over, by evaluation.
        """
        return self._settle(evaluations, like)

    def enter_decided(self, evaluations: Sequence[Evaluation], decided: Settled) -> dict[str, Entry]:
        """Enter looks with bets that were settled elsewhere; one goes on with a look of the very same alone."""
        return self._settle([each for each in evaluations if each.id in decided], decided, is_decided=True)

    def _settle(
        self,
        evaluations: Sequence[Evaluation],
        like: Settled | None = None,
        *,
        is_decided: bool = False,
    ) -> dict[str, Entry]:
        asked = {each.id: each for each in evaluations}
        seed = self._family.seed
        # Others wait while the ledger is settled, so what takes time is done before.
        by_family_seed = {name: self._wanted(each, seed) for name, each in asked.items()}
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
                    bets = self._wanted(evaluation, first)
                if like and name in like:
                    bets = like[name] if is_decided else taken_over(bets, like[name])
                entries[name], row = self._entered(name, bets, rows, is_decided=is_decided)
                added += [row] if row is not None else []
            return [] if self._lacks_draws else added

        self._store.settle(self._family.candidate, self._family.against, settle)
        if self._lacks_draws:  # begun while nobody waits
            self._anew, self._lacks_draws = self._family.begin(), False
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

    def _entered(
        self, name: str, wanted: Bets, rows: Sequence[LookRow], *, is_decided: bool
    ) -> tuple[Entry, LookRow | None]:
        own = sorted((row for row in rows if row.evaluation_id == name), key=lambda row: row.number)
        batch = own[0].batch, own[0].batch_size
        looked = [row for row in own if row.number]
        counted = [row for row in looked if self._counts(row)]
        spent, best_of = sum(row.share for row in counted), self._family.best_of
        known = [bets_of(row.bets) for row in counted]
        tried = [None if before is None else self._gone_on(before, wanted, is_decided) for before in known]
        place = chosen_of(known, tried)
        if place is not None:
            told = str(counted[place].bets.get("because", ""))
            look, bets = look_at(place + 1, *batch, best_of=best_of, because=told), tried[place]
            assert isinstance(bets, Bets)
            # The order of new cases is settled as well, before they are drawn.
            grown = replace(counted[place], bets={**bets.plain(), "because": told}) if bets != known[place] else None
            return Entry(look, bets, is_new=False, spent=spent), grown
        if undecided := seen_in_recording(known, wanted, self._recorded(name).asked):
            return Entry(look_at(1, *batch), wanted, undecided=undecided), None
        ended = [str(row.bets.get("ended", "bets of another rule")) for row in counted]
        because, number, share = why_not(tried, ended), len(counted) + 1, share_of(len(counted) + 1)
        if not is_decided:
            wanted, is_anew = self._on_draws(looked, name, wanted)
            why = because or ("" if looked else "seen before with other cases")
            because = f"{why}, so {ANEW}" if is_anew and why and not why.endswith(ANEW) else because
        look = look_at(number, *batch, best_of=best_of, because=because)
        kept = self._row(name, max(row.number for row in own) + 1, share, batch, wanted)
        kept = replace(kept, bets={**kept.bets, "because": because})
        return Entry(look, wanted, spent=share + spent), kept

    def _gone_on(self, before: Bets, wanted: Bets, is_decided: bool) -> Bets | list[str]:
        return gone_on_as(before, wanted) if is_decided else gone_on(before, self._as_before(before, wanted))

    def _counts(self, row: LookRow) -> bool:
        age = self._family.max_age_s
        return age is None or abs(time.time() - row.begun) <= age

    def _as_before(self, before: Bets, wanted: Bets) -> Bets:
        """The bets that are wanted, on the draws of a look before, where these are good and nothing is drawn anew."""
        if self._family.is_fresh:
            return wanted
        draws = still_of(before.draws, wanted.draws, self._family.draws)
        return replace(wanted, draws=draws, judges=still_of(before.judges, wanted.judges, self._family.judges))

    def _on_draws(self, looks: Sequence[LookRow], name: str, wanted: Bets) -> tuple[Bets, bool]:
        """The bets that are wanted, on draws of which nobody chose by what was seen, and whether any were begun for it.

        Draws are good where every case that was seen of them is weighed: who left out or edited those that went wrong
        would else end with a suite in which nothing does. So does whoever draws them anew one by one, if the
        newest draws counted. The first look has each case's first draw; a later one those of the look before that had
        most of its cases, the newest of these. Where the candidate's are too old, the other versions keep theirs; after
        a look whose samples were pruned none does.

        Args:
            looks: those before.
        """
        if self._family.is_fresh:
            return wanted, False
        cases, own = set(wanted.cases), [bets_of(row.bets) for row in looks]
        rows = [row for row in self._family.seen if row.evaluation_id == name and row.against != self._family.against]
        others = [bets_of(row.bets) for row in rows]
        lacking = [bets for bets in (*own, *others) if bets is not None and n_lacking(wanted, bets)]
        chosen = {each for bets in lacking for each in drawn_of_candidate(bets)}
        chosen |= {each for bets in own if bets in lacking for each in all_drawn(bets)}
        since = 1 + max((place for place, row in enumerate(looks) if row.bets == ENDED), default=-1)
        known = [bets for bets in own[since:] if bets is not None]
        known.sort(key=lambda each: len(cases.intersection(each.cases)))
        tried = [(each, self._as_before(each, wanted)) for each in known] if looks else [(wanted, wanted)]
        kept = [(old, new) for old, new in tried if drawn_of_candidate(old) == drawn_of_candidate(new)]
        good = [(old, new) for old, new in kept if chosen.isdisjoint(all_drawn(new))]
        before, found = (good or tried or [(wanted, wanted)])[-1]
        there, now = before.all_draws if looks else {}, found.all_draws
        begun: set[str] = set()
        if not good:
            is_chosen = not tried or bool(kept) or not chosen.isdisjoint(all_drawn(before))
            begun |= {each for each in now if is_chosen or there.get(each) != now[each]}
        return self._begun(found, begun), bool(begun)

    def _begun(self, bets: Bets, names: Collection[str]) -> Bets:
        """The bets with new generations of some versions."""
        if not names:
            return bets
        self._lacks_draws = self._lacks_draws or not self._anew
        new = {each: self._anew.get(each.partition("@")[0], (0,)) for each in names}
        draws, judges = (with_draws(each, new) for each in (bets.draws, bets.judges))
        return replace(bets, draws=draws, judges=judges)

    def _recorded(self, name: str) -> RecordedSide:
        return self._family.recorded.get(name, RecordedSide())

    def _wanted(self, evaluation: Evaluation, seed: int) -> Bets:
        plan, judged = evaluation.plan, "judge" in evaluation.wants and not evaluation.weighs_judge
        digests = case_digests(evaluation.cases)
        order, side = draw_order(evaluation, seed), self._recorded(evaluation.id)
        size = len(order) if plan.max_samples is None else min(len(order), plan.max_samples // plan.samples)
        if plan.per == "case":
            size = plan.max_samples or most_samples(plan.threshold, plan.margin)
        return Bets(
            about=plan.about,
            per=plan.per,
            cluster="" if plan.cluster is None else str(plan.cluster),
            design=plan.design,
            samples=plan.samples,
            draws=draws_in_words(self._family.draws),
            recorded=side.run_id,
            recorded_draws=side.draws,
            unpaired=side.left_out([(evaluation.cases[number].id, digests[number]) for number in order]),
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
            largest_cluster=bet_on_together(evaluation),
            n_cases=len(order),
            prompting=evaluation.prompting,
            metric=evaluation.metric,
            review=plan.review or "none",
            judges=draws_in_words(self._family.judges) if judged else "",
            may_grow=not evaluation.may_measure,
            machine="" if plan.blocks is None else kind_of_machine(),
        )


def enter_looks(
    looks: Looks,
    family: Family,
    run_id: str,
    evaluations: Sequence[Evaluation],
) -> dict[str, Entry]:
    """Enter a look at each of these evaluations, and at their thresholds.

    A threshold is the same question whatever else the candidate is weighed against, so that its looks are counted
    together, and have one order and one set of stakes.
    """
    family = replace(family, begin=functools.cache(family.begin))  # both rest on the same new draws
    ledger = LookLedger(looks, family, run_id)
    if not family.against:
        return ledger.enter(evaluations)
    demanding = [each for each in evaluations if each.plan.threshold is not None]
    alone = replace(family, against="", recorded={}, draws=of_candidate(family.draws))
    foreseen = LookLedger(KnownLooks(looks), alone, run_id).enter(demanding)
    settled = {name: entry.bets for name, entry in foreseen.items() if entry.bets is not None}
    entries = ledger.enter(evaluations, settled)
    decided = {
        each.id: of_threshold(bets)
        for each in demanding
        if (bets := entries[each.id].bets) is not None and not entries[each.id].undecided
    }
    for name, entry in LookLedger(looks, alone, run_id).enter_decided(demanding, decided).items():
        if entry.look.number > entries[name].look.number:
            own = entries[name]
            entries[name] = replace(own, look=later(own.look, entry.look), is_new=own.is_new or entry.is_new)
    return entries
