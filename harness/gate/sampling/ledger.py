"""The ledger of a gate: a question that was asked before goes on for nothing, another has the next share of the level.

It withstands any sequence of commands with the store as it is: more samples, other cases, designs or baselines, all
drawn anew. Each question of a candidate has a share of its own (a union bound, whatever was seen before), and one that
leaves out or edits cases that were seen is answered by new draws. Who prunes or edits the store is outside: the report
says that samples were pruned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from harness.config.roles import AGAINST
from harness.decisions import Look, look_at, share_of
from harness.gate.evaluations.cases import built_digest
from harness.gate.evaluations.evaluation import Evaluation, bet_on_together
from harness.gate.evaluations.slices import slices_in_words
from harness.gate.sampling.candidates import CountedLook, GreenRun, baseline_level, counted_looks, next_turn
from harness.gate.sampling.order import draw_order, most_samples
from harness.gate.sampling.question import (
    ANEW,
    COMPARISONS,
    NOT_COUNTED,
    Asked,
    Draws,
    Turn,
    changes,
    is_same,
    left_out,
    read_question,
    role_of,
    shares,
)
from harness.records import Other, Role, Stakes
from harness.stages.inference.load.machine import kind_of_machine
from harness.store.ledger import LookRow, LookStore

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
    """

    look: Look
    question: Asked | None = None
    is_new: bool = True
    spent: float = 0.0
    undecided: str = ""
    order: tuple[int, ...] | None = None

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
class Family:
    """The evaluations and versions whose looks are counted together.

    Attributes:
        candidate: fingerprint of the version under test.
        against: of the baseline; "" for thresholds alone.
        evaluations: ids of all that there are, also of those that are not run now.
        confidence_level: of the gate.
        seed: of the order of cases, where nothing is settled yet.
        best_of: among how many candidates this one is chosen.
        others: what evaluations are weighed against, by their ids; one that is not in it against the baseline alone.
        draws: the generations that each version is answered with, as `Asked` has them; none for a recording.
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
    others: Mapping[str, dict[Role, Other]] = field(default_factory=dict)
    draws: Mapping[str, Draws] = field(default_factory=dict)
    is_fresh: bool = False
    max_age_s: float | None = None
    begin: Callable[[], Mapping[str, Draws]] = dict
    green_runs: Callable[[], Sequence[GreenRun]] = tuple

    def others_of(self, evaluation_id: str) -> dict[Role, Other]:
        """What an evaluation is weighed against."""
        alone: dict[Role, Other] = {"baseline": Other(self.against)} if self.against else {}
        return self.others.get(evaluation_id, alone)


def enter_looks(looks: LookStore, family: Family, run_id: str, evaluations: Sequence[Evaluation]) -> dict[str, Entry]:
    """Enter a look at each of these evaluations, before its first sample is drawn; one that asks a question again is
    the look that asked it first.
    """
    begin = cache(family.begin)  # one generation of each version, whichever evaluations need it
    entering = [_Entering(family, each, run_id, begin) for each in evaluations]  # while nobody waits for the ledger
    counted = {each.evaluation.id: each.digests for each in entering if each.evaluation.plan.candidates != "noted"}
    entries: dict[str, Entry] = {}

    def settle(rows: Sequence[LookRow]) -> list[LookRow]:
        changed = _members(family, rows, run_id)
        every = looks.of_evaluations(family.evaluations) if counted else []
        others, known = counted_looks(every, counted), [*rows, *changed]
        for each in entering:
            name = each.evaluation.id
            entry, row = each.entry([row for row in known if row.evaluation_id == name], every, others)
            entries[name] = replace(entry, order=each.numbers(entry))
            changed += [] if row is None else [row]
        return changed

    looks.settle(family.candidate, settle)
    return entries


def _members(family: Family, rows: Sequence[LookRow], run_id: str) -> list[LookRow]:
    """The rows of evaluations that are new in the family: together they are its next batch."""
    own = [row for row in rows if row.against == family.against]
    there, batch = {row.evaluation_id for row in own}, max((row.batch for row in own), default=0) + 1
    new = [name for name in dict.fromkeys(family.evaluations) if name not in there]
    return [LookRow(family.candidate, family.against, name, 0, 0.0, batch, len(new), run_id) for name in new]


class _Entering:
    """Enters one evaluation.

    Args:
        begin: begins a generation of each version.
    """

    def __init__(
        self, family: Family, evaluation: Evaluation, run_id: str, begin: Callable[[], Mapping[str, Draws]]
    ) -> None:
        self._family, self.evaluation, self._run_id, self._begin = family, evaluation, run_id, begin
        self.digests = [built_digest(each) for each in evaluation.cases]
        self._first = self._question(family.seed)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of the cases in the order in which they are drawn."""
        numbers = {digest: number for number, digest in enumerate(self.digests)}
        cases = () if entry.question is None else entry.question.cases
        return tuple(numbers[digest] for digest in cases if digest in numbers)

    def _question(self, seed: int) -> Asked:
        """What the run asks, whatever was asked before, with its cases in the order of a seed."""
        evaluation, plan = self.evaluation, self.evaluation.plan
        order = draw_order(evaluation, seed)
        size = len(order) if plan.max_samples is None else min(len(order), plan.max_samples // plan.samples)
        if plan.per == "case":
            size = plan.max_samples or most_samples(plan.threshold, plan.margin)
        may_stop, is_judged = plan.design == "sequential", "judge" in evaluation.wants and not evaluation.weighs_judge
        others = self._family.others_of(evaluation.id)
        roles = {"candidate", *others}
        asked = roles if not is_judged else roles | {*map(role_of, self._family.draws)} - {*AGAINST}
        return Asked(
            words=self._words(size),
            draws={name: each for name, each in self._family.draws.items() if role_of(name) in asked},
            cases=tuple(self.digests[number] for number in order),
            stakes=Stakes(plan.threshold, plan.margin, size, may_stop),
            seed=seed,
            largest_cluster=bet_on_together(evaluation),
            n_cases=len(order),
            may_grow=not evaluation.may_measure and may_stop and plan.about == "population",
            others=others,
        )

    def _words(self, size: int) -> dict[str, str | int | float | None]:
        evaluation, family, plan = self.evaluation, self._family, self.evaluation.plan
        matters = plan.per == "case" or plan.about == "population"
        return {
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
            "candidates": None if plan.candidates == "noted" else "counted",
        }

    def _is_young(self, row: LookRow) -> bool:
        """Tell whether a look counts yet: what it rests on is not too old."""
        return self._family.max_age_s is None or abs(time.time() - row.begun) <= self._family.max_age_s

    def entry(
        self, rows: Sequence[LookRow], every: Sequence[LookRow], others: Sequence[CountedLook]
    ) -> tuple[Entry, LookRow | None]:
        """The look, with the row that has to be written for it.

        Args:
            rows: all of the evaluation for the candidate, whatever it was weighed against.
            every: where candidates are counted, those of the suite for all of them.
            others: the looks at those that were counted on the same cases.
        """
        looked = sorted((row for row in rows if row.number), key=lambda row: (row.begun, row.against, row.number))
        self._asked = [(row, read_question(row.question)) for row in looked]
        self._young = [each for each in self._asked if self._is_young(each[0])]
        self._member = next(row for row in rows if row.against == self._family.against)
        wanted = self._wanted()
        own = [(row, asked) for row, asked in self._young if self._is_own(row, asked, wanted)]
        tried = [changes(asked, self._as_before(asked, wanted)) for _, asked in own]
        spent = sum(row.share for row, _ in own)
        going = [(at, *each) for at, (each, why) in enumerate(zip(own, tried, strict=True), 1) if not why]
        if going:
            exact = [each for each in going if each[2] is not None and len(each[2].cases) == len(wanted.cases)]
            number, row, before = exact[-1] if exact else going[0]
            assert before is not None
            entry = replace(before, cases=before.with_cases(wanted.cases), others=wanted.others)
            look = self._look(number, entry, PRUNED if row.pruned else row.because)
            # The order of new cases is settled as well, before they are drawn.
            grown = replace(row, question=entry.plain) if entry != before else None
            return Entry(look, entry, is_new=False, spent=spent), grown
        if undecided := self._left_of_recording(wanted):
            return Entry(look_at(1, self._member.batch, self._member.batch_size), wanted, undecided=undecided), None
        is_first = False
        if wanted.words["candidates"] is not None:
            wanted, is_first = self._with_turn(wanted, every, others)
        begins = is_first and not self._family.is_fresh
        draws, is_anew = (self._begun(wanted.draws), False) if begins else self._draws(wanted)
        nearest = min(reversed(tried), key=len, default=[])  # of several the newest
        number, asked, why = len(own) + 1, replace(wanted, draws=draws), ", ".join(nearest)
        before_it = [row.number for row, _ in self._asked if row.against == self._family.against]
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

    def _is_own(self, row: LookRow, asked: Asked | None, wanted: Asked) -> bool:
        """Tell whether a look weighed the candidate against the same versions."""
        others = {} if asked is None else {role: each.fingerprint for role, each in asked.others.items()}
        now = {role: each.fingerprint for role, each in wanted.others.items()}
        return row.against == self._family.against and (asked is None or others == now)

    def _look(self, number: int, asked: Asked, because: str) -> Look:
        """The look of this number, or a later one: each comparison is one question, whatever is asked beside it."""
        for comparison in COMPARISONS:
            one, seen = asked.of(comparison), list[Asked]()
            for before in self._seen_of(comparison, asked):
                seen += [] if any(is_same(each, before) for each in seen) else [before]
            place = next((at for at, each in enumerate(seen, 1) if is_same(each, one)), len(seen) + 1)
            if seen and place > number:
                number, because = place, because or f"its {comparison} was looked at before"
        best_of = self._family.best_of
        look = look_at(number, self._member.batch, self._member.batch_size, best_of=best_of, because=because)
        return replace(look, share=look.share * asked.turn.share)  # red is promised to each candidate by itself

    def _with_turn(self, wanted: Asked, every: Sequence[LookRow], others: Sequence[CountedLook]) -> tuple[Asked, bool]:
        """The question with the turn of its candidate, and whether all draws must be new: what was seen of these cases
        must say nothing of them, nor of an anchor.
        """
        family, level = self._family, 1 - self._family.confidence_level
        is_recorded = any(each.recording for each in wanted.others.values())  # a recorded anchor is refused
        weighing = family.candidate, family.against
        own = [each for each in others if (each[0].candidate, each[0].against) == weighing and self._is_young(each[0])]
        if own:
            turn = own[-1][1].turn
        else:
            turn = next_turn(others, every, family.green_runs, level=level, is_recorded=is_recorded)
        if is_recorded:
            there = [each for each in others if each[0].evaluation_id == self.evaluation.id]
            bound = baseline_level(wanted, there, level=level, evaluations=len(family.evaluations))
            turn = replace(turn, baseline_level=bound)
        there = [each for each in own if each[0].evaluation_id == self.evaluation.id]
        return replace(wanted, turn=turn), not any(self._is_own(*each, wanted) for each in there)

    def _begun(self, names: Iterable[str]) -> dict[str, Draws]:
        """Draws that nobody has seen."""
        return {name: self._begin().get(role_of(name), (0,)) for name in names}

    def _as_before(self, before: Asked | None, wanted: Asked) -> Asked:
        """Return what is wanted, on the draws of a look before, where these are not too old (those that another run
        began since are not) and nothing is drawn anew.
        """
        if self._family.is_fresh or before is None:
            return wanted
        usable = self._family.draws
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
            shared = [role for role in AGAINST if shares(asked, wanted, role)]
            for one, now in ((asked.of(role), wanted.of(role)) for role in shared):
                seen |= one.drawn() if left_out(one, now) else set()
            if not shared and left_out(asked, wanted):
                seen |= asked.drawn(of_candidate=against != self._family.against)
        cases = set(wanted.cases)
        own = [asked for against, asked in known if against == self._family.against]
        own = [each if shares(each, wanted, "anchor") else each.of("baseline") for each in own]
        own.sort(key=lambda each: len(cases.intersection(each.cases)))
        for before in reversed(own):
            kept = self._as_before(before, wanted)
            if kept.drawn(of_candidate=True) == before.drawn(of_candidate=True) and seen.isdisjoint(kept.drawn()):
                return kept.draws, False
        last = own[-1] if own else wanted
        entry = self._as_before(last, wanted)
        missing = {name for name, _ in entry.drawn() & seen}
        missing |= {name for name, numbers in entry.draws.items() if last.draws.get(name, numbers) != numbers}
        return {**entry.draws, **self._begun(missing)}, bool(missing)

    def _left_of_recording(self, wanted: Asked) -> str:
        """Say why what is left of recorded draws can't be weighed: they were seen, and can't be drawn anew, under
        whatever name they are recorded.
        """
        for role, other in wanted.others.items():
            now, known = wanted.of(role), other.asked.union(other.draws)
            seen = self._seen_of(role, wanted) if other.recording else []
            same = [
                each for each in seen if each.others[role].recording == other.recording or known & each.draws_of(role)
            ]
            if n_missing := max((len(left_out(each, now)) for each in same), default=0):
                advice = "record it anew, from a run with --fresh"
                return f"what is left of a recording without {n_missing:,} of its cases that were seen ({advice})"
        return ""

    def _seen_of(self, comparison: str, now: Asked) -> list[Asked]:
        """The questions before that have this comparison of a question, each as of that alone."""
        known = (before for _, before in self._young if before is not None)
        return [before.of(comparison) for before in known if shares(before, now, comparison)]

    def _wanted(self) -> Asked:
        """The question that the run asks, in the order of the first look, whose seed was chosen before anything was
        seen; where one of its comparisons was made before, with the stakes and the draws of that.
        """
        seeds = (asked.seed for _, asked in self._asked if asked is not None)
        seed = next(seeds, self._family.seed)
        wanted = self._first if seed == self._family.seed else self._question(seed)
        for comparison in COMPARISONS:
            for one in self._seen_of(comparison, wanted):
                if changes(one, self._as_before(one, wanted.of(comparison))):
                    continue
                cases, draws = one.with_cases(wanted.cases), {**wanted.draws, **one.draws}
                stakes = {"stakes": one.stakes, "largest_cluster": one.largest_cluster, "n_cases": one.n_cases}
                return replace(wanted, cases=cases, draws=draws, **stakes)  # type: ignore[arg-type]
        return wanted
