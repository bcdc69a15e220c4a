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

from harness.decisions import Look, look_at, share_of
from harness.gate.evaluations.evaluation import Evaluation, bet_on_together
from harness.gate.evaluations.slices import slices_in_words
from harness.gate.sampling.order import draw_order, most_samples
from harness.gate.sampling.question import (
    ANEW,
    RULE,
    Draws,
    Question,
    case_digests,
    changes,
    numbers_of,
    question_of,
)
from harness.records import RecordedSide, Stakes
from harness.stages.inference.load.machine import kind_of_machine
from harness.store.ledger import LookRow, Settle

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
    """

    look: Look
    question: Question | None = None
    is_new: bool = True
    spent: float = 0.0
    undecided: str = ""

    @property
    def horizon(self) -> int:
        """The most cases that there were to be at the first look; 0 where not known."""
        return 0 if self.question is None else self.question.stakes.horizon

    @property
    def largest_cluster(self) -> int:
        """The most cases that are one bet by their sum; 0 where that is not settled."""
        return 0 if self.question is None else self.question.largest_cluster

    def order(self, evaluation: Evaluation) -> list[int] | None:
        """The numbers of the cases in the order in which they are drawn; None for the order of the run's own seed."""
        return None if self.question is None else numbers_of(self.question, evaluation.cases)

    def draws(self, name: str) -> Draws | None:
        """The generations that a version's samples come from, by its role or a judge's fingerprint; None for those of
        the run.
        """
        known = {} if self.question is None else self.question.draws
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
        draws: the generations that each version is answered with, as `Question` has them; no entry for a recorded
            baseline.
        judges: the same of judges, by fingerprint.
        recorded: what is recorded of the baseline, by evaluation; empty where it is drawn.
        is_fresh: whether all is drawn anew.
        max_age_s: looks that are older count no more, for what they rest on does not either; None for no limit.
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
    begin: Callable[[], Mapping[str, Draws]] = dict


class Looks(Protocol):
    """The store of looks: `harness.store.ledger.LookStore`."""

    def settle(self, candidate: str, settle: Settle) -> None:
        """Add the rows that `settle` makes of those of a candidate, while nobody else does."""


def enter_looks(looks: Looks, family: Family, run_id: str, evaluations: Sequence[Evaluation]) -> dict[str, Entry]:
    """Enter a look at each of these evaluations, before its first sample is drawn; one that asks a question again is
    the look that asked it first.
    """
    # Others wait while the ledger is settled, so what takes time is done before.
    digests = {each.id: case_digests(each.cases) for each in evaluations}
    entries, lacking, settle = _settling(family, run_id, evaluations, digests, {})
    looks.settle(family.candidate, settle)
    if lacking:  # begun while nobody waits
        entries, _, settle = _settling(family, run_id, evaluations, digests, family.begin())
        looks.settle(family.candidate, settle)
    return entries


def _settling(
    family: Family,
    run_id: str,
    evaluations: Sequence[Evaluation],
    digests: Mapping[str, Sequence[str]],
    anew: Mapping[str, Draws],
) -> tuple[dict[str, Entry], set[str], Settle]:
    """The function that enters evaluations, with what it fills: their entries, and whose draws have to be begun first.

    Args:
        anew: the generations that were begun for this run.
    """
    entries: dict[str, Entry] = {}
    lacking: set[str] = set()

    def settle(rows: Sequence[LookRow]) -> list[LookRow]:
        added = _members(family, rows, run_id)
        known: dict[str, list[LookRow]] = {}
        for row in (*rows, *added):
            known.setdefault(row.evaluation_id, []).append(row)
        for each in evaluations:
            entering = _Entering(family, run_id, each, digests[each.id], known[each.id], anew)
            entries[each.id], changed = entering.entry()
            lacking.update(entering.lacking)
            added += [] if changed is None else [changed]
        return [] if lacking else added

    return entries, lacking, settle


def _members(family: Family, rows: Sequence[LookRow], run_id: str) -> list[LookRow]:
    """The rows of evaluations that are new in the family: together they are its next batch."""
    own = [row for row in rows if row.against == family.against]
    there, batch = {row.evaluation_id for row in own}, max((row.batch for row in own), default=0) + 1
    new = [name for name in dict.fromkeys(family.evaluations) if name not in there]
    return [LookRow(family.candidate, family.against, name, 0, 0.0, batch, len(new), run_id) for name in new]


class _Entering:
    """Enters one evaluation.

    Args:
        rows: all of it for the candidate, whatever it was weighed against.
        anew: generations begun for this run, by role or fingerprint.
    """

    def __init__(
        self,
        family: Family,
        run_id: str,
        evaluation: Evaluation,
        digests: Sequence[str],
        rows: Sequence[LookRow],
        anew: Mapping[str, Draws],
    ) -> None:
        self._family, self._run_id, self._evaluation, self._digests = family, run_id, evaluation, digests
        looked = sorted((row for row in rows if row.number), key=lambda row: (row.begun, row.against, row.number))
        self._asked = [(row, question_of(row.question)) for row in looked]
        self._counted = [(row, asked) for row, asked in self._asked if self._counts(row)]
        self._member = next(row for row in rows if row.against == family.against)
        self._anew = anew
        self.lacking: set[str] = set()

    def entry(self) -> tuple[Entry, LookRow | None]:
        """The look, with the row that has to be written for it."""
        family, wanted = self._family, self._wanted()
        own = [(row, asked) for row, asked in self._counted if row.against == family.against]
        tried = [None if asked is None else changes(asked, self._as_before(asked, wanted)) for _, asked in own]
        spent = sum(row.share for row, _ in own)
        going = [place for place, why in enumerate(tried) if why == []]
        if going:
            exact = [place for place in going if len(_question(own[place]).cases) == len(wanted.cases)]
            place = exact[-1] if exact else going[0]
            row, before = own[place][0], _question(own[place])
            cases = before.with_cases(wanted.cases)
            found = replace(before, cases=cases, unpaired=wanted.unpaired, recorded=wanted.recorded)
            look = self._look(place + 1, found, PRUNED if row.pruned else row.because)
            # The order of new cases is settled as well, before they are drawn.
            grown = replace(row, question=found.plain) if found != before else None
            return Entry(look, found, is_new=False, spent=spent), grown
        if undecided := self._left_of_recording(wanted, [asked for _, asked in own if asked is not None]):
            return Entry(look_at(1, self._member.batch, self._member.batch_size), wanted, undecided=undecided), None
        draws, gone = self._draws(wanted)
        number, asked, why = len(own) + 1, replace(wanted, draws=draws), nearest(tried)
        if gone and not any(row.against == family.against for row, _ in self._asked):
            why = "seen before with other cases"
        if gone and why and not why.endswith(ANEW):
            why = f"{why}, so {ANEW}"
        look, share = self._look(number, asked, why), share_of(number)
        last = max((row.number for row, _ in self._asked if row.against == family.against), default=0)
        row = replace(
            self._member, number=last + 1, share=share, run_id=self._run_id, begun=time.time(), because=look.because
        )
        return Entry(look, asked, spent=spent + share), replace(row, digest=asked.digest, question=asked.plain)

    def _look(self, number: int, asked: Question, because: str) -> Look:
        """The look of this number, or a later one: a threshold is one question, whatever the baseline."""
        seen: list[Question] = []
        for _, before in self._counted if asked.words["threshold"] else ():
            if before is not None and before.words["threshold"]:
                seen += [] if any(_same(each, before) for each in seen) else [before]
        place = next((at for at, each in enumerate(seen, 1) if _same(each, asked)), len(seen) + 1)
        if place > number and asked.words["threshold"]:
            number, because = place, because or "its threshold was looked at before"
        best_of = self._family.best_of
        return look_at(number, self._member.batch, self._member.batch_size, best_of=best_of, because=because)

    def _counts(self, row: LookRow) -> bool:
        age = self._family.max_age_s
        return age is None or abs(time.time() - row.begun) <= age

    def _as_before(self, before: Question, wanted: Question) -> Question:
        """What is wanted, on the draws of a look before, where these are not too old (those that another run began
        since are not) and nothing is drawn anew.
        """
        if self._family.is_fresh:
            return wanted
        usable = {**self._family.draws, **self._family.judges}
        kept = {
            name: each
            for name, each in before.draws.items()
            if name in wanted.draws and (each[0] in usable[name] or each[0] > max(usable[name]))
        }
        return replace(wanted, draws={**wanted.draws, **kept})

    def _draws(self, wanted: Question) -> tuple[dict[str, Draws], set[str]]:
        """The draws of a new look, those of the look before that had most of its cases, the newest of these; and whose
        are drawn anew.

        Who left out or edited the cases that went wrong would end with a suite in which nothing does, and so would who
        draws them anew one by one, if the newest draws counted. So draws are good where every case that was seen of
        them is weighed; others are begun anew, and those that are too old.
        """
        if self._family.is_fresh:
            return wanted.draws, set()
        seen: set[tuple[str, int]] = set()
        known = [(row.against == self._family.against, asked) for row, asked in self._asked if asked is not None]
        for is_own, asked in known:
            if asked.weighed - wanted.weighed:
                seen |= asked.drawn(of_candidate=not is_own)
        cases = set(wanted.cases)
        own = sorted((asked for is_own, asked in known if is_own), key=lambda each: len(cases.intersection(each.cases)))
        for before in reversed(own):
            kept = self._as_before(before, wanted)
            if kept.drawn(of_candidate=True) == before.drawn(of_candidate=True) and seen.isdisjoint(kept.drawn()):
                return kept.draws, set()
        last = own[-1] if own else wanted
        found = self._as_before(last, wanted) if own else wanted
        gone = {name for name, _ in found.drawn() & seen}
        gone |= {name for name, numbers in found.draws.items() if last.draws.get(name, numbers) != numbers}
        self.lacking = gone if not self._anew else set()
        begun = {name: self._anew.get(name.partition("@")[0], (0,)) for name in gone}
        return {name: begun.get(name) or numbers for name, numbers in found.draws.items()}, gone

    def _left_of_recording(self, wanted: Question, own: Sequence[Question]) -> str:
        """Say why what is left of recorded draws can't be weighed: they were seen, and can't be drawn anew, under
        whatever name they are recorded.
        """
        if not wanted.words["recording"]:
            return ""
        known = {*wanted.recorded, *self._side.asked}
        same = [
            each
            for each in own
            if each.words["recording"] == wanted.words["recording"] or known.intersection(_of_other_side(each))
        ]
        gone = max((len(each.weighed - wanted.weighed) for each in same), default=0)
        told = "record it anew, from a run with --fresh"
        return f"what is left of a recording without {gone:,} of its cases that were seen ({told})" if gone else ""

    @property
    def _side(self) -> RecordedSide:
        return self._family.recorded.get(self._evaluation.id, RecordedSide())

    def _wanted(self) -> Question:
        """The question that the run asks, in the order of the first look, whose seed was chosen before anything was
        seen; where its threshold was looked at before, with the stakes and the candidate's draws of that.
        """
        known = [asked for _, asked in self._asked if asked is not None]
        wanted = self._question(known[0].seed if known else self._family.seed)
        if not wanted.words["threshold"]:
            return wanted
        for _, before in self._counted:
            if before is None or changes(_of_threshold(before), _of_threshold(self._as_before(before, wanted))):
                continue
            return replace(
                wanted,
                cases=before.with_cases(wanted.cases),
                draws={**wanted.draws, **_of_threshold(before).draws},
                stakes=before.stakes,
                largest_cluster=before.largest_cluster,
                n_cases=before.n_cases,
            )
        return wanted

    def _question(self, seed: int) -> Question:
        evaluation, family, side = self._evaluation, self._family, self._side
        plan, judged = evaluation.plan, "judge" in evaluation.wants and not evaluation.weighs_judge
        order = draw_order(evaluation, seed)
        size = len(order) if plan.max_samples is None else min(len(order), plan.max_samples // plan.samples)
        if plan.per == "case":
            size = plan.max_samples or most_samples(plan.threshold, plan.margin)
        may_stop = plan.design == "sequential"
        matters = plan.per == "case" or plan.about == "population"
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
        return Question(
            words=words,
            draws={**family.draws, **(family.judges if judged else {})},
            cases=tuple(self._digests[number] for number in order),
            stakes=Stakes(plan.threshold, plan.margin, size, may_stop),
            seed=seed,
            largest_cluster=bet_on_together(evaluation),
            n_cases=len(order),
            may_grow=not evaluation.may_measure and may_stop and plan.about == "population",
            unpaired=frozenset(self._digests[n] for n in order if evaluation.cases[n].id in side.unpaired),
            recorded=tuple(side.draws.split()),
        )


def _question(known: tuple[LookRow, Question | None]) -> Question:
    assert known[1] is not None
    return known[1]


def nearest(tried: Sequence[Collection[str] | None]) -> str:
    """Say what keeps a run from going on with the nearest earlier look, of several the newest; "" for no look."""
    told = [["another rule of the gate"] if each is None else list(each) for each in tried]
    least = min(map(len, told), default=0)
    return next((", ".join(each) for each in reversed(told) if len(each) == least), "")


def _of_threshold(asked: Question) -> Question:
    """The question about the candidate's score alone."""
    draws = {name: numbers for name, numbers in asked.draws.items() if name.partition("@")[0] != "baseline"}
    return replace(asked, words={**asked.words, "recording": ""}, draws=draws, unpaired=frozenset(), recorded=())


def _same(before: Question, now: Question) -> bool:
    """Tell whether two questions about a threshold are one, whichever has cases that came later."""
    one, other = _of_threshold(before), _of_threshold(now)
    return not changes(one, other) or not changes(other, one)


def _of_other_side(asked: Question) -> list[str]:
    """The draws of a baseline that were seen: as a recording has them, or first index and generation."""
    drawn = ((*name.partition("@")[::2], number) for name, number in asked.drawn())
    return [*asked.recorded, *(f"{index or 0}:{number}" for role, index, number in drawn if role == "baseline")]
