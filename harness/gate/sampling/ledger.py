"""The ledger of a gate: a question that was asked before goes on for nothing, another has the next share of the level.

It withstands any sequence of commands with the store as it is: more samples, other cases, designs or baselines, all
drawn anew. Each question of a candidate has a share of its own (a union bound, whatever was seen before), and one that
leaves out or edits cases that were seen is answered by new draws. Who prunes or edits the store is outside: the report
says that samples were pruned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.config.roles import AGAINST
from harness.decisions import Look, look_at, share_of
from harness.gate.evaluations.cases import built_digest
from harness.gate.evaluations.evaluation import Evaluation, bet_on_together
from harness.gate.evaluations.slices import slices_in_words
from harness.gate.sampling.candidates import NOT_COUNTED, GreenRun, SameCases, Turn, baseline_level, next_turn
from harness.gate.sampling.order import draw_order, most_samples
from harness.gate.sampling.question import ANEW, Asked, Draws, changes, is_same, read_question, role_of
from harness.records import RecordedSide, Stakes
from harness.stages.inference.load.machine import kind_of_machine
from harness.store.ledger import LookRow, Settle

RULE = 3
"""Raised whenever the rule of the gate changes what bets come to: questions by another rule are others."""
PRUNED = "samples were pruned after a look"


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's word about one evaluation in a run.

    Attributes:
        look: what it may spend.
        question: what was settled before it; None where nothing is kept of it.
        is_new: whether this run is the first to look so.
        spent: the shares of all looks, this one included; above 1 where two stores handed out the same level.
        undecided: why it decides nothing and is no look, in words; "" where it is one.
        order: the numbers of the cases in the order in which they are drawn; None for that of the run's own seed.
        n_candidates: how many candidates were weighed on these cases by now, this one with them.
    """

    look: Look
    question: Asked | None = None
    is_new: bool = True
    spent: float = 0.0
    undecided: str = ""
    order: tuple[int, ...] | None = None
    n_candidates: int = 1

    @property
    def turn(self) -> Turn:
        """The place of the candidate among those that are counted."""
        return NOT_COUNTED if self.question is None else self.question.turn

    def draws(self, name: str) -> Draws | None:
        """The generations that a version's samples come from, by its role or a judge's fingerprint; None for those of
        the run.
        """
        known = {} if self.question is None else self.question.draws
        return next((numbers for each, numbers in known.items() if role_of(each) == name), None)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A fixed version that candidates are weighed against beside the baseline: its fingerprint, and what is recorded of
    it by evaluation, of those that are weighed against it: nothing where it is asked.
    """

    fingerprint: str = ""
    sides: Mapping[str, RecordedSide] = field(default_factory=dict)


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
        draws: the generations that each version is answered with, as `Asked` has them; no entry for a recorded
            baseline.
        judges: the same of judges, by fingerprint.
        recorded: what is recorded of the baseline, by evaluation; empty where it is drawn.
        anchor: what else the candidate must be no worse than.
        is_fresh: whether all is drawn anew.
        max_age_s: looks that are older count no more, for what they rest on does not either; None for no limit.
        begin: begins a generation of each version, by role or a judge's fingerprint.
        green_runs: the runs that were wholly green, of those with evaluations that are counted.
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
    anchor: Anchor = Anchor()
    is_fresh: bool = False
    max_age_s: float | None = None
    begin: Callable[[], Mapping[str, Draws]] = dict
    green_runs: Callable[[], Sequence[GreenRun]] = tuple


class Looks(Protocol):
    """The store of looks: `harness.store.ledger.LookStore`."""

    def settle(self, candidate: str, settle: Settle) -> None:
        """Add the rows that `settle` makes of those of a candidate, while nobody else does."""

    def of_evaluations(self, names: Collection[str]) -> list[LookRow]:
        """The rows of evaluations, whichever candidate they are of."""


def enter_looks(looks: Looks, family: Family, run_id: str, evaluations: Sequence[Evaluation]) -> dict[str, Entry]:
    """Enter a look at each of these evaluations, before its first sample is drawn; one that asks a question again is
    the look that asked it first.
    """
    asking = [_Asking(family, each) for each in evaluations]  # takes its time, while nobody waits for the ledger
    entries: dict[str, Entry] = {}
    anew: Mapping[str, Draws] = {}
    lacking = True

    def settle(rows: Sequence[LookRow]) -> list[LookRow]:
        nonlocal lacking
        lacking, added = False, _members(family, rows, run_id)
        known: dict[str, list[LookRow]] = {}
        for row in (*rows, *added):
            known.setdefault(row.evaluation_id, []).append(row)
        others = SameCases(
            looks.of_evaluations(family.evaluations), {each.evaluation.id: each.digests for each in asking}
        )
        for each in asking:
            name = each.evaluation.id
            entering = _Entering(each, run_id, known[name], anew, others)
            entry, changed = entering.entry()
            entries[name] = replace(entry, order=each.numbers(entry), n_candidates=others.count(name, family.candidate))
            lacking = lacking or entering.is_lacking
            added += [] if changed is None else [changed]
        return [] if lacking else added

    looks.settle(family.candidate, settle)
    if lacking:  # begun while nobody waits
        anew = family.begin()
        looks.settle(family.candidate, settle)
    return entries


def _members(family: Family, rows: Sequence[LookRow], run_id: str) -> list[LookRow]:
    """The rows of evaluations that are new in the family: together they are its next batch."""
    own = [row for row in rows if row.against == family.against]
    there, batch = {row.evaluation_id for row in own}, max((row.batch for row in own), default=0) + 1
    new = [name for name in dict.fromkeys(family.evaluations) if name not in there]
    return [LookRow(family.candidate, family.against, name, 0, 0.0, batch, len(new), run_id) for name in new]


class _Asking:
    """What a run asks of one evaluation, whatever was asked before."""

    def __init__(self, family: Family, evaluation: Evaluation) -> None:
        self.family, self.evaluation = family, evaluation
        self.side = family.recorded.get(evaluation.id, RecordedSide())
        self.anchor = family.anchor.sides.get(evaluation.id) if family.anchor.fingerprint else None
        self.digests = [built_digest(each) for each in evaluation.cases]
        self._first = self._of(family.seed)

    def question(self, seed: int) -> Asked:
        """The question, with its cases in the order of a seed."""
        return self._first if seed == self.family.seed else self._of(seed)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of the cases in the order in which they are drawn."""
        numbers = {digest: number for number, digest in enumerate(self.digests)}
        cases = () if entry.question is None else entry.question.cases
        return tuple(numbers[digest] for digest in cases if digest in numbers)

    def _of(self, seed: int) -> Asked:
        evaluation, family, side, anchor = self.evaluation, self.family, self.side, self.anchor or RecordedSide()
        plan, judged = evaluation.plan, "judge" in evaluation.wants and not evaluation.weighs_judge
        digests = self.digests
        order = draw_order(evaluation, seed)
        size = len(order) if plan.max_samples is None else min(len(order), plan.max_samples // plan.samples)
        if plan.per == "case":
            size = plan.max_samples or most_samples(plan.threshold, plan.margin)
        may_stop, matters = plan.design == "sequential", plan.per == "case" or plan.about == "population"
        words: dict[str, str | int | float | None] = {
            "rule of the gate": RULE,
            "samples": plan.samples,
            "about": f"{plan.about}, {plan.design}" if matters else plan.about,
            "per": plan.per,
            "cluster": None if plan.cluster is None else str(plan.cluster),
            "confidence level": family.confidence_level,
            "best of": family.best_of,
            "threshold": None if plan.threshold is None else "set",
            "max_lost": plan.max_lost,
            "aim": plan.aim if plan.aim in ("lower", "same") else "",
            "margin in": "per cent" if plan.margin_is_relative else "",
            "slices": slices_in_words(plan.slice_fields, evaluation.cases),
            "prompts": evaluation.prompting,
            "metric": evaluation.metric,
            "review": plan.review_mode,
            "kind of machine": kind_of_machine() if plan.in_blocks else None,
            "most samples": size if plan.per == "case" and evaluation.may_measure else None,
            "recording": side.run_id,
        }
        words |= {} if plan.candidates == "noted" else {"candidates": "counted"}
        draws = {**family.draws, **(family.judges if judged else {})}
        if self.anchor is not None:
            words |= {"anchor": family.anchor.fingerprint, "anchor recording": anchor.run_id}
        else:
            draws = {name: numbers for name, numbers in draws.items() if role_of(name) != "anchor"}
        return Asked(
            words=words,
            draws=draws,
            cases=tuple(digests[number] for number in order),
            stakes=Stakes(plan.threshold, plan.margin, size, may_stop),
            seed=seed,
            largest_cluster=bet_on_together(evaluation),
            n_cases=len(order),
            may_grow=not evaluation.may_measure and may_stop and plan.about == "population",
            unpaired=frozenset(digests[n] for n in order if evaluation.cases[n].id in side.unpaired),
            recorded=tuple(side.draws.split()),
            unanchored=frozenset(digests[n] for n in order if evaluation.cases[n].id in anchor.unpaired),
            anchored=tuple(anchor.draws.split()),
        )


def _is_young(row: LookRow, family: Family) -> bool:
    """Tell whether a look counts yet: what it rests on is not too old."""
    return family.max_age_s is None or abs(time.time() - row.begun) <= family.max_age_s


class _Entering:
    """Enters one evaluation.

    Args:
        rows: all of it for the candidate, whatever it was weighed against.
        anew: generations begun for this run, by role or fingerprint.
        others: the looks at all candidates.
    """

    def __init__(
        self, asking: _Asking, run_id: str, rows: Sequence[LookRow], anew: Mapping[str, Draws], others: SameCases
    ) -> None:
        self._asking, self._family, self._run_id, self._anew = asking, asking.family, run_id, anew
        self._others = others
        looked = sorted((row for row in rows if row.number), key=lambda row: (row.begun, row.against, row.number))
        self._asked = [(row, read_question(row.question)) for row in looked]
        self._counted = [each for each in self._asked if _is_young(each[0], self._family)]
        self._member = next(row for row in rows if row.against == self._family.against)
        self.is_lacking = False
        """True where draws have to be begun first."""

    def entry(self) -> tuple[Entry, LookRow | None]:
        """The look, with the row that has to be written for it."""
        wanted, against = self._wanted(), self._family.against
        own = [each for each in self._counted if each[0].against == against and _has_same_anchor(each[1], wanted)]
        tried = [changes(asked, self._as_before(asked, wanted)) for _, asked in own]
        spent = sum(row.share for row, _ in own)
        going = [
            (number, row, asked)
            for number, ((row, asked), why) in enumerate(zip(own, tried, strict=True), 1)
            if asked is not None and not why
        ]
        if going:
            exact = [each for each in going if len(each[2].cases) == len(wanted.cases)]
            number, row, before = exact[-1] if exact else going[0]
            cases = before.with_cases(wanted.cases)
            entry = replace(before, cases=cases, unpaired=wanted.unpaired, recorded=wanted.recorded)
            entry = replace(entry, unanchored=wanted.unanchored, anchored=wanted.anchored)
            look = self._look(number, entry, PRUNED if row.pruned else row.because)
            # The order of new cases is settled as well, before they are drawn.
            grown = replace(row, question=entry.plain) if entry != before else None
            return Entry(look, entry, is_new=False, spent=spent), grown
        if undecided := self._left_of_recording(wanted):
            return Entry(look_at(1, self._member.batch, self._member.batch_size), wanted, undecided=undecided), None
        wanted, is_first = self._with_turn(wanted)
        draws, is_anew = (self._drawn_anew(wanted), False) if is_first else self._draws(wanted)
        nearest = min(reversed(tried), key=len, default=[])  # of several the newest
        number, asked, why = len(own) + 1, replace(wanted, draws=draws), ", ".join(nearest)
        before_it = [row.number for row, _ in self._asked if row.against == against]
        if is_anew and not before_it:
            why = "seen before with other cases"
        if is_anew and why and not why.endswith(ANEW):
            why = f"{why}, so {ANEW}"
        look, share = self._look(number, asked, why), share_of(number) * asked.turn.share
        row = replace(
            self._member,
            number=max(before_it, default=0) + 1,
            share=share,
            run_id=self._run_id,
            begun=time.time(),
            because=look.because,
            digest=asked.digest,
            question=asked.plain,
        )
        return Entry(look, asked, spent=spent + share), row

    def _look(self, number: int, asked: Asked, because: str) -> Look:
        """The look of this number, or a later one: each comparison is one question, whatever is asked beside it."""
        for comparison in self._comparisons(asked):
            one, seen = asked.of(comparison), list[Asked]()
            for before in self._seen_of(comparison, asked):
                seen += [] if any(is_same(each, before) for each in seen) else [before]
            place = next((at for at, each in enumerate(seen, 1) if is_same(each, one)), len(seen) + 1)
            if seen and place > number:
                number, because = place, because or f"its {comparison} was looked at before"
        best_of = self._family.best_of
        look = look_at(number, self._member.batch, self._member.batch_size, best_of=best_of, because=because)
        return replace(look, share=look.share * asked.turn.share)  # red is promised to each candidate by itself

    def _with_turn(self, wanted: Asked) -> tuple[Asked, bool]:
        """The question with the turn of its candidate, where that is counted, and whether it is the first in it."""
        if "candidates" not in wanted.words:
            return wanted, False
        family, known, name = self._family, self._others, self._asking.evaluation.id
        level, weighing = 1 - family.confidence_level, (family.candidate, family.against)
        own = [each for each in known.looks if each.weighing == weighing and _is_young(each.row, family)]
        is_first, is_recorded = all(each.row.evaluation_id != name for each in own), bool(family.recorded)
        if "anchor" in wanted.words:  # another one, whose draws may have been seen, is chosen by them
            is_first |= all(
                not _has_same_anchor(asked, wanted) for row, asked in self._counted if row.against == family.against
            )
        if own:
            turn = own[-1].turn
        else:
            turn = next_turn(known.looks, known.members, family.green_runs, level=level, is_recorded=is_recorded)
        if is_recorded:
            there = [each for each in known.looks if each.row.evaluation_id == name]
            recorded, n_evaluations = (wanted.words["recording"], wanted.weighed), len(family.evaluations)
            bound = baseline_level(recorded, there, level=level, evaluations=n_evaluations)
            turn = replace(turn, baseline_level=bound)
        return replace(wanted, turn=turn), is_first

    def _drawn_anew(self, wanted: Asked) -> dict[str, Draws]:
        """Draws that nobody has seen: what is known of others must say nothing of them."""
        if self._family.is_fresh:
            return wanted.draws
        self.is_lacking = not self._anew
        return {name: self._anew.get(role_of(name), (0,)) for name in wanted.draws}

    def _as_before(self, before: Asked | None, wanted: Asked) -> Asked:
        """Return what is wanted, on the draws of a look before, where these are not too old (those that another run
        began since are not) and nothing is drawn anew.
        """
        if self._family.is_fresh or before is None:
            return wanted
        usable = {**self._family.draws, **self._family.judges}
        kept = {
            name: each
            for name, each in before.draws.items()
            if name in wanted.draws and (each[0] in usable[name] or each[0] > max(usable[name]))
        }
        return replace(wanted, draws={**wanted.draws, **kept})

    def _draws(self, wanted: Asked) -> tuple[dict[str, Draws], bool]:
        """The draws of a new look, those of the look before that had most of its cases, the newest of these; and
        whether any are drawn anew.

        Who left out or edited the cases that went wrong would end with a suite in which nothing does, and so would who
        draws them anew one by one, if the newest draws counted. So draws are good where every case that was seen of
        them is weighed; others are begun anew, and those that are too old.
        """
        if self._family.is_fresh:
            return wanted.draws, False
        seen: set[tuple[str, int]] = set()
        known = [(row.against, asked) for row, asked in self._asked if asked is not None]
        for against, asked in known:
            shared = [each for each in AGAINST if self._is_of(each, against, asked, wanted)]
            for one, now in ((asked.of(each), wanted.of(each)) for each in shared):
                seen |= one.drawn() if one.weighed - now.weighed else set()
            if not shared and asked.weighed - wanted.weighed:
                seen |= asked.drawn(of_candidate=True)
        cases = set(wanted.cases)
        own = [asked for against, asked in known if against == self._family.against]
        own = [each if _has_same_anchor(each, wanted) else each.of("baseline") for each in own]
        own.sort(key=lambda each: len(cases.intersection(each.cases)))
        for before in reversed(own):
            kept = self._as_before(before, wanted)
            if kept.drawn(of_candidate=True) == before.drawn(of_candidate=True) and seen.isdisjoint(kept.drawn()):
                return kept.draws, False
        last = own[-1] if own else wanted
        entry = self._as_before(last, wanted)
        missing = {name for name, _ in entry.drawn() & seen}
        missing |= {name for name, numbers in entry.draws.items() if last.draws.get(name, numbers) != numbers}
        self.is_lacking = bool(missing) and not self._anew
        begun = {name: self._anew.get(role_of(name), (0,)) for name in missing}
        return {name: begun.get(name) or numbers for name, numbers in entry.draws.items()}, bool(missing)

    def _left_of_recording(self, wanted: Asked) -> str:
        """Say why what is left of recorded draws can't be weighed: they were seen, and can't be drawn anew, under
        whatever name they are recorded.
        """
        for comparison, side in (("baseline", self._asking.side), ("anchor", self._asking.anchor)):
            now = wanted.of(comparison)
            name, known = now.words["recording"], {*now.recorded, *(side.asked if side is not None else ())}
            seen = self._seen_of(comparison, wanted) if name else []
            same = [each for each in seen if each.words["recording"] == name or known & each.draws_of_other]
            if n_missing := max((len(each.weighed - now.weighed) for each in same), default=0):
                advice = "record it anew, from a run with --fresh"
                return f"what is left of a recording without {n_missing:,} of its cases that were seen ({advice})"
        return ""

    def _is_of(self, comparison: str, against: str, before: Asked, now: Asked) -> bool:
        """Tell whether a question that was asked against this baseline has a comparison of another one."""
        if comparison == "baseline":
            return against == self._family.against
        return now.words.get(comparison) is not None and before.words.get(comparison) == now.words[comparison]

    def _seen_of(self, comparison: str, now: Asked) -> list[Asked]:
        """The questions before that have this comparison of a question, each as of that alone."""
        known = ((row.against, before) for row, before in self._counted if before is not None)
        return [before.of(comparison) for against, before in known if self._is_of(comparison, against, before, now)]

    def _comparisons(self, now: Asked) -> tuple[str, ...]:
        """Those that may have been asked beside others before."""
        asked = [now, *(before for _, before in self._counted if before is not None)]
        return ("threshold", *AGAINST) if any("anchor" in each.words for each in asked) else ("threshold",)

    def _wanted(self) -> Asked:
        """The question that the run asks, in the order of the first look, whose seed was chosen before anything was
        seen; where one of its comparisons was made before, with the stakes and the draws of that.
        """
        seeds = (asked.seed for _, asked in self._asked if asked is not None)
        wanted = self._asking.question(next(seeds, self._family.seed))
        for comparison in self._comparisons(wanted):
            for one in self._seen_of(comparison, wanted):
                if changes(one, self._as_before(one, wanted.of(comparison))):
                    continue
                cases, draws = one.with_cases(wanted.cases), {**wanted.draws, **one.draws}
                stakes = {"stakes": one.stakes, "largest_cluster": one.largest_cluster, "n_cases": one.n_cases}
                return replace(wanted, cases=cases, draws=draws, **stakes)  # type: ignore[arg-type]
        return wanted


def _has_same_anchor(before: Asked | None, now: Asked) -> bool:
    return before is None or before.words.get("anchor") == now.words.get("anchor")
