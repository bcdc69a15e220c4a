"""Pairs the cases of an evaluation with their recorded scores, and says why the others can't be paired."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.gate.baselines.recording import (
    RecordedCase,
    RecordedEvaluation,
    RecordedMetric,
    Recording,
    too_few_samples,
)
from harness.gate.evaluations.contents import content_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.scoring_code import scoring_digest
from harness.gate.sampling.order import Order
from harness.records import BaselineRecord, Case, RecordedSide, ScoringRule, kind_and_direction, same_kind
from harness.scoring.results import Reading
from harness.statistics.arrays import FloatArray

State = Literal["paired", "changed", "new", "undrawn", "skipped"]
_WORDS: Mapping[str, str] = {
    "changed": "changed",
    "new": "new",
    "undrawn": "not drawn when it was recorded",
    "skipped": "skipped when it was recorded",
    "gone": "gone",
}


@dataclass(frozen=True, slots=True)
class Pairing:
    """An evaluation beside its recording.

    Attributes:
        recorded: the evaluation as it was recorded; None where the recording does not have it.
        states: of each case by its id, as far as it is recorded: "paired" ones are weighed.
        n_gone: recorded cases that the evaluation no longer has.
        n_unverified: paired ones of which nobody knows whether their fields changed.
        scored_otherwise: whether other code scored it when it was recorded.
        trouble: why nothing can be weighed; None where something can.
    """

    recording: Recording
    evaluation: Evaluation
    recorded: RecordedEvaluation | None
    states: Mapping[str, State]
    n_gone: int = 0
    n_unverified: int = 0
    scored_otherwise: bool = False
    trouble: str | None = None

    def scores(self, metric: str, case_ids: Sequence[str]) -> FloatArray:
        """The recorded scores of a metric, (n_cases, n_samples): NaN where a case is not paired, or has fewer."""
        if self.recorded is None or not (metric in self.recorded.metrics or self.recorded.only_failed):
            return np.full((len(case_ids), 1), np.nan)
        return self.recorded.table.of(metric, [case if self.states[case] == "paired" else None for case in case_ids])

    def mismatch(self, metric: str, reading: Reading) -> str | None:
        """Say why a body's reading and the recorded scores are not of one kind; None where they are."""
        if self.recorded is None:
            return None
        recorded = self.recorded.metrics.get(metric)
        if recorded is None and self.recorded.only_failed:
            return None if reading.unit is None else f"{metric!r} is a measure, and {self._source} has none of it"
        if recorded is None:
            known = ", ".join(map(repr, self.recorded.metrics))
            return f"metric {metric!r} is not in {self._source}, which has {known}; record a run again"
        if not same_kind(recorded, reading):
            return (
                f"{metric!r} is {kind_and_direction(reading)} now, {kind_and_direction(recorded)} in {self._source}: "
                "they can't be compared; record a run again"
            )
        return self._judged_otherwise(metric, reading.judged_by, recorded)

    def _judged_otherwise(self, metric: str, by: ScoringRule | None, recorded: RecordedMetric) -> str | None:
        if by is None:
            return None
        known = [ScoringRule.parse(text) for text in recorded.judged_by]
        rubrics_known = any(each.rubric == by.rubric for each in known)
        if by in known or (self.evaluation.weighs_judge and rubrics_known):
            return None
        if not known:
            what = "a judge's now, and nobody's"
        else:
            what = "other judges' now than" if rubrics_known else "by another rubric now than"
        return f"the scores of {metric!r} are {what} in {self._source}: they can't be compared; record a run again"

    def other_judges(self, judges: tuple[str, ...]) -> str | None:
        """Say why scores that these judges will give can't be weighed, as far as is known before they are asked."""
        if self.recorded is None or "judge" not in self.evaluation.wants or self.evaluation.weighs_judge:
            return None
        for name, metric in self.recorded.metrics.items():
            known = [ScoringRule.parse(text).judges for text in metric.judged_by]
            if known and judges not in known:
                return (
                    f"the scores of {name!r} are other judges' in {self._source}: they can't be compared; name those "
                    "with --judge, or record a run again"
                )
        return None

    def unjudged(self, metric: str) -> str:
        """Say what is wrong with scores that no judge gave, where the recorded ones are a judge's."""
        return f"the scores of {metric!r} are a judge's in {self._source}, and nobody's now: they can't be compared"

    def is_judged(self, metric: str) -> bool:
        """Tell whether judges gave the recorded scores of a metric."""
        return (
            self.recorded is not None
            and metric in self.recorded.metrics
            and bool(self.recorded.metrics[metric].judged_by)
        )

    @property
    def _source(self) -> str:
        return self.recording.in_words

    def record(self, asked: Mapping[str, str | None]) -> BaselineRecord:
        """Give what a report tells of the baseline.

        Args:
            asked: digests of what was asked in the cases that count, by their ids.
        """
        counts = Counter(self.states.values())
        return BaselineRecord(
            name=self.recording.name,
            run_id=self.recording.run_id,
            created=self.recording.created,
            n_paired=counts["paired"],
            n_changed=counts["changed"],
            n_new=counts["new"],
            n_gone=self.n_gone,
            asked_otherwise=len(self.asked_otherwise(asked)),
            n_undrawn=counts["undrawn"],
            n_skipped=counts["skipped"],
            n_unverified=self.n_unverified,
            scored_otherwise=self.scored_otherwise,
            stopped_early=self.recorded is not None and self.recorded.stopped_early,
        )

    def asked_otherwise(self, asked: Mapping[str, str | None]) -> list[str]:
        """The paired cases that were asked something else when they were recorded, as far as both are known; sorted."""
        recorded = self.recorded
        if recorded is None:
            return []
        both = [(case, now, recorded.cases[case].asked) for case, now in asked.items() if self.states[case] == "paired"]
        return sorted(case for case, now, then in both if None not in (now, then) and now != then)

    def notes(self, asked: Mapping[str, str | None], metrics: Iterable[str]) -> list[str]:
        """Note what a reader must know of the pairs, for the reason of the verdict."""
        counts = Counter[str](self.states.values())
        counts["gone"] = self.n_gone
        others = [f"{counts[state]:,} {words}" for state, words in _WORDS.items() if counts[state]]
        notes = []
        if others:
            total = len(self.states)
            notes.append(f"{counts['paired']:,} of {total:,} cases paired with {self._source} ({', '.join(others)})")
        if self.n_unverified:
            notes.append(f"whether {self.n_unverified:,} of its cases changed is not known")
        otherwise = self.asked_otherwise(asked)
        if otherwise:
            notes.append(f"{len(otherwise):,} were asked otherwise when recorded, such as {otherwise[0]}")
        if self.scored_otherwise:
            notes.append("its test has other code than when it was recorded, and may score the same answer otherwise")
        recorded = self.recorded
        if recorded is not None and (told := too_few_samples(recorded, self.evaluation.plan.samples - 1)):
            notes.append(told)
        missing = sorted({*recorded.metrics} - {*metrics}) if recorded is not None and not recorded.only_failed else []
        if missing:
            notes.append(f"recorded, and no longer returned: {', '.join(missing)}")
        return notes


def pair(recording: Recording, evaluation: Evaluation, order: Order, pattern: str) -> Pairing:
    """Find the recorded scores of an evaluation's cases.

    Args:
        order: in which its cases are drawn.
        pattern: of the ids of the cases that the run was restricted to.
    """
    recorded = recording.evaluations.get(evaluation.id)
    if recorded is None:
        trouble = f"{recording.in_words} has no scores of this evaluation; record a run that has it"
        return Pairing(recording, evaluation, None, {case.id: "new" for case in evaluation.cases}, trouble=trouble)
    undrawn = _after_the_last(recorded, evaluation, order)
    states: dict[str, State] = {}
    n_unverified = 0
    for case in evaluation.cases:
        known = recorded.cases.get(case.id)
        if known is None:
            skipped = case.id in recorded.skipped
            states[case.id] = "skipped" if skipped else "undrawn" if case.id in undrawn else "new"
            continue
        states[case.id], verified = _state(case, known)
        n_unverified += not verified
    gone = {*recorded.cases, *recorded.skipped}.difference(states)
    pairing = Pairing(
        recording=recording,
        evaluation=evaluation,
        recorded=recorded,
        states=states,
        n_gone=sum(fnmatch.fnmatchcase(case, pattern) for case in gone),
        n_unverified=n_unverified,
        scored_otherwise=recorded.code is not None and scoring_digest(evaluation.body) not in (None, recorded.code),
    )
    return replace(pairing, trouble=_nothing_paired(pairing))


def _state(case: Case, known: RecordedCase) -> tuple[Literal["paired", "changed"], bool]:
    """Tell of a recorded case whether it is the same, and whether that is known."""
    digest = content_digest(case)
    verified = None not in (digest, known.content)
    return ("changed" if verified and digest != known.content else "paired"), verified


def recorded_side(recording: Recording, evaluation: Evaluation, begun: Mapping[int, float]) -> RecordedSide:
    """What a recording has of an evaluation, for the ledger.

    Args:
        begun: when each generation of its version began in this store.
    """
    recorded = recording.evaluations.get(evaluation.id)
    if recorded is None:
        return RecordedSide(recording.run_id, recording.run_id, frozenset(case.id for case in evaluation.cases))
    known = [(case, recorded.cases.get(case.id)) for case in evaluation.cases if case.id not in recorded.skipped]
    unpaired = frozenset(case.id for case, its in known if its is None or _state(case, its)[0] == "changed")
    here = {f"{number}:{at:.0f}" for number, at in begun.items()}
    asked = frozenset(each.rpartition(":")[0] for each in recorded.draws if each.partition(":")[2] in here)
    draws = " ".join(recorded.draws) or recording.run_id
    return RecordedSide(recording.run_id, draws, unpaired, recorded.stopped_early, asked)


def _after_the_last(recorded: RecordedEvaluation, evaluation: Evaluation, order: Order) -> set[str]:
    """The cases that come after all recorded ones in the order drawn: a run that stopped early never came to them."""
    if not recorded.stopped_early:
        return set()
    ids = [evaluation.cases[number].id for number in order.cases]
    last = max((position for position, case in enumerate(ids) if case in recorded.cases), default=-1)
    return {case.id for case in evaluation.cases}.difference(ids[: last + 1])


def _nothing_paired(pairing: Pairing) -> str | None:
    counts = Counter[str](pairing.states.values())
    if counts["paired"]:
        return None
    others = ", ".join(f"{counts[state]:,} {words}" for state, words in _WORDS.items() if counts[state])
    gone = f", {pairing.n_gone:,} gone" if pairing.n_gone else ""
    return (
        f"none of its {len(pairing.states):,} cases can be paired with {pairing.recording.in_words} ({others}{gone}); "
        "record a run again"
    )


def order_against(pairing: Pairing, order: Order) -> Order:
    """The order without its end, where no case is paired: with nothing but a baseline to weigh against, cases without
    recorded scores decide nothing.
    """
    plan, cases = pairing.evaluation.plan, pairing.evaluation.cases
    if not order.stops or plan.threshold is not None or pairing.trouble is not None:
        return order
    ends = [at for at, number in enumerate(order.cases, 1) if pairing.states[cases[number].id] == "paired"]
    return replace(order, cases=order.cases[: max(ends, default=0)])
