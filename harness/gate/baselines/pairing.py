"""Pairs the cases of an evaluation with their recorded scores, and says why the others can't be paired."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from harness.errors import SettingsError, some
from harness.gate.baselines.recording import RecordedEvaluation, Recording, too_few_samples
from harness.gate.evaluations.contents import content_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.scoring_code import scoring_digest
from harness.records import BaselineRecord, Case, RecordedSide, ScoringRule, kind_and_direction, same_kind
from harness.scoring.results import Reading
from harness.statistics.arrays import FloatArray

State = Literal["paired", "changed", "new", "skipped"]
_WORDS: Mapping[str, str] = {
    "changed": "changed",
    "new": "new",
    "skipped": "skipped when it was recorded",
    "gone": "gone",
}
_NOTHING = RecordedEvaluation({}, {})


class Pairing:
    """An evaluation beside its recording.

    Args:
        pattern: of the ids of the cases that the run was restricted to.
        judges: the fingerprints of those that the run asks.

    Attributes:
        recorded: the evaluation as it was recorded; nothing where the recording does not have it.
        states: of each case by its id, as far as it is recorded: "paired" ones are weighed.
        n_gone: recorded cases that the evaluation no longer has.
        scored_otherwise: whether other code scored it when it was recorded.
        trouble: why nothing can be weighed; "" where something can.
    """

    def __init__(
        self, recording: Recording, evaluation: Evaluation, pattern: str = "*", judges: tuple[str, ...] = ()
    ) -> None:
        self.recording, self.evaluation = recording, evaluation
        self.recorded = recording.evaluations.get(evaluation.id, _NOTHING)
        self.states = {case.id: _state(case, self.recorded) for case in evaluation.cases}
        gone = {*self.recorded.cases, *self.recorded.skipped}.difference(self.states)
        self.n_gone = sum(fnmatch.fnmatchcase(case, pattern) for case in gone)
        then, now = self.recorded.code, scoring_digest(evaluation.body)
        self.scored_otherwise = None not in (then, now) and then != now
        self.trouble = self._trouble(judges)

    def _trouble(self, judges: tuple[str, ...]) -> str:
        source, again = self.recording.in_words, "record a run again"
        if self.recorded is _NOTHING:
            return f"{source} has no scores of this evaluation; record a run that has it"
        if "paired" not in self.states.values():
            others = ", ".join(self._others())
            return f"none of its {len(self.states):,} cases can be paired with {source} ({others}); {again}"
        if "judge" in self.evaluation.wants and not self.evaluation.weighs_judge:
            for name in self.recorded.metrics:
                if (known := self._rules(name)) and judges not in {each.judges for each in known}:
                    return (
                        f"the scores of {name!r} are other judges' in {source}: they can't be compared; name those "
                        f"with --judge, or {again}"
                    )
        return ""

    def _others(self) -> list[str]:
        counts = Counter[str](self.states.values())
        counts["gone"] = self.n_gone
        return [f"{counts[state]:,} {words}" for state, words in _WORDS.items() if counts[state]]

    def _rules(self, metric: str) -> list[ScoringRule]:
        """By whom, and by what rubrics, the recorded scores of a metric were given."""
        recorded = self.recorded.metrics.get(metric)
        return [] if recorded is None else [ScoringRule.parse(text) for text in recorded.judged_by]

    def scores(self, metric: str, case_ids: Sequence[str]) -> FloatArray:
        """The recorded scores of a metric, (n_cases, n_samples): NaN where a case is not paired, or has fewer."""
        return self.recorded.table.of(metric, [case if self.states[case] == "paired" else None for case in case_ids])

    def mismatch(self, metric: str, reading: Reading) -> str:
        """Say why a body's reading and the recorded scores are not of one kind; "" where they are."""
        recorded, source = self.recorded.metrics.get(metric), self.recording.in_words
        if recorded is None and self.recorded.only_failed:
            return "" if reading.unit is None else f"{metric!r} is a measure, and {source} has none of it"
        if recorded is None:
            known = ", ".join(map(repr, self.recorded.metrics))
            return f"metric {metric!r} is not in {source}, which has {known}; record a run again"
        if not same_kind(recorded, reading):
            return (
                f"{metric!r} is {kind_and_direction(reading)} now, {kind_and_direction(recorded)} in {source}: "
                "they can't be compared; record a run again"
            )
        return "" if reading.judged_by is None else self._judged_otherwise(metric, reading.judged_by)

    def _judged_otherwise(self, metric: str, by: ScoringRule) -> str:
        known = self._rules(metric)
        has_rubric = any(each.rubric == by.rubric for each in known)
        if by in known or (self.evaluation.weighs_judge and has_rubric):
            return ""
        what = "other judges' now than" if has_rubric else "by another rubric now than"
        what = what if known else "a judge's now, and nobody's"
        source = self.recording.in_words
        return f"the scores of {metric!r} are {what} in {source}: they can't be compared; record a run again"

    def unjudged(self, metric: str, judged: Collection[str]) -> str:
        """Say what is wrong with scores that no judge gave now, where the recorded ones are a judge's; "" for nothing.

        Args:
            judged: the metrics that a judge gave scores of now.
        """
        if metric in judged or not self._rules(metric):
            return ""
        source = self.recording.in_words
        return f"the scores of {metric!r} are a judge's in {source}, and nobody's now: they can't be compared"

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
            asked_otherwise=len(self._asked_otherwise(asked)),
            n_skipped=counts["skipped"],
            scored_otherwise=self.scored_otherwise,
        )

    def _asked_otherwise(self, asked: Mapping[str, str | None]) -> list[str]:
        """The paired cases that were asked something else when they were recorded, as far as both are known; sorted."""
        paired = [case for case in asked if self.states[case] == "paired"]
        both = [(case, asked[case], self.recorded.cases[case].asked) for case in paired]
        return sorted(case for case, now, then in both if None not in (now, then) and now != then)

    def notes(self, asked: Mapping[str, str | None], metrics: Iterable[str]) -> list[str]:
        """Note what a reader must know of the pairs, for the reason of the verdict."""
        notes, source = [], self.recording.in_words
        if others := self._others():
            n_paired = list(self.states.values()).count("paired")
            notes.append(f"{n_paired:,} of {len(self.states):,} cases paired with {source} ({', '.join(others)})")
        if otherwise := self._asked_otherwise(asked):
            notes.append(f"{len(otherwise):,} were asked otherwise when recorded, such as {otherwise[0]}")
        if self.scored_otherwise:
            notes.append("its test has other code than when it was recorded, and may score the same answer otherwise")
        if few := too_few_samples(self.recorded, self.evaluation.plan.samples - 1):
            notes.append(few)
        missing = set() if self.recorded.only_failed else {*self.recorded.metrics} - {*metrics}
        if missing:
            notes.append(f"recorded, and no longer returned: {', '.join(sorted(missing))}")
        return notes


def _state(case: Case, recorded: RecordedEvaluation) -> State:
    known = recorded.cases.get(case.id)
    if known is None:
        return "skipped" if case.id in recorded.skipped else "new"
    return "paired" if known.content == content_digest(case) else "changed"


def recorded_side(recording: Recording, evaluation: Evaluation, begun: Mapping[int, float]) -> RecordedSide:
    """What a recording has of an evaluation, for the ledger.

    Args:
        begun: when each generation of its version began in this store.
    """
    recorded = recording.evaluations.get(evaluation.id, _NOTHING)
    states = {case.id: _state(case, recorded) for case in evaluation.cases}
    unpaired = frozenset(case for case, state in states.items() if state in ("new", "changed"))
    here = {f"{number}:{at:.0f}" for number, at in begun.items()}
    asked = frozenset(each.rpartition(":")[0] for each in recorded.draws if each.partition(":")[2] in here)
    return RecordedSide(recording.run_id, " ".join(recorded.draws) or recording.run_id, unpaired, asked)


def check_recorded(recording: Recording, evaluations: Sequence[Evaluation]) -> None:
    """Refuse, before the first request, a recording that has none of these evaluations.

    Raises:
        SettingsError: naming what both have.
    """
    ours = [evaluation.id for evaluation in evaluations]
    if not any(identity in recording.evaluations for identity in ours):
        known = some(map(repr, recording.evaluations))
        raise SettingsError(
            f"--baseline: {recording.in_words} is of other evaluations: it has {known}, and this run has {some(ours)}."
            " Record a run of these with `steelyard baseline record`."
        )
