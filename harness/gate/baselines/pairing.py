"""Pairs the cases of an evaluation with their recorded scores, and says why the others can't be paired."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.errors import SettingsError, some
from harness.gate.baselines.recording import RecordedEvaluation, Recording, too_few_samples
from harness.gate.evaluations.cases import built_digest, content_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.scoring_code import scoring_digest
from harness.records import (
    BaselineRecord,
    Case,
    Kind,
    Other,
    Outcome,
    Role,
    ScoreRow,
    ScoringRule,
    Verdict,
    kind_and_direction,
    same_kind,
)
from harness.scoring.results import METRIC, Reading
from harness.statistics.arrays import FloatArray

State = Literal["paired", "changed", "new", "skipped", "gone"]
_WORDS: Mapping[State, str] = {"changed": "changed", "new": "new", "skipped": "skipped when recorded", "gone": "gone"}
_NOTHING = RecordedEvaluation({}, {})
_AGAIN = "they can't be compared; record a run again"


class Pairing:
    """An evaluation beside its recording.

    Args:
        pattern: of the ids of the cases that the run was restricted to.
        judges: the fingerprints of those that the run asks.

    Attributes:
        recorded: the evaluation as it was recorded; nothing where the recording does not have it.
        states: of each case by its id, as far as it is recorded: "paired" ones are weighed.
        counts: of cases by state, with the recorded ones that the evaluation no longer has as "gone".
        trouble: why nothing can be weighed; "" where something can.
        kinds: the recorded metrics, for bodies of which each failed an assertion, which is a 0 on each of them; none
            where those that were recorded did so, too.
    """

    def __init__(
        self, recording: Recording, evaluation: Evaluation, pattern: str = "*", judges: tuple[str, ...] = ()
    ) -> None:
        self.recording, self.evaluation = recording, evaluation
        self.recorded = recording.evaluations.get(evaluation.id, _NOTHING)
        self.states = {case.id: _state(case, self.recorded) for case in evaluation.cases}
        missing = {*self.recorded.cases, *self.recorded.skipped}.difference(self.states)
        self.counts = Counter[State](self.states.values())
        self.counts["gone"] = sum(fnmatch.fnmatchcase(case, pattern) for case in missing)
        self.trouble = self._trouble(judges)
        self.kinds: Mapping[str, Kind] = {} if METRIC in self.recorded.metrics else self.recorded.metrics
        self._seen: dict[tuple[str, ScoringRule | None], str] = {}  # metrics, by whom, and what is wrong with them
        self._added: set[str] = set()

    def _trouble(self, judges: tuple[str, ...]) -> str:
        source, is_judged = self.recording.in_words, "judge" in self.evaluation.wants
        if self.recorded is _NOTHING:
            return f"{source} has no scores of this evaluation; record a run that has it"
        if not self.counts["paired"]:
            return (
                f"none of its {len(self.states):,} cases can be paired with {source} ({self._others()}); record a run "
                "again"
            )
        for name in self.recorded.metrics if is_judged and not self.evaluation.weighs_judge else ():
            if (known := self._rules(name)) and judges not in {each.judges for each in known}:
                return (
                    f"the scores of {name!r} are other judges' in {source}: they can't be compared; name those with "
                    "--judge, or record a run again"
                )
        return ""

    def _others(self) -> str:
        return ", ".join(f"{self.counts[state]:,} {words}" for state, words in _WORDS.items() if self.counts[state])

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
            then, now = kind_and_direction(recorded), kind_and_direction(reading)
            return f"{metric!r} is {now} now, {then} in {source}: {_AGAIN}"
        by, rules = reading.judged_by, self._rules(metric)
        has_rubric = by is not None and any(each.rubric == by.rubric for each in rules)
        if by is None or by in rules or (self.evaluation.weighs_judge and has_rubric):
            return ""
        what = "other judges' now than" if has_rubric else "by another rubric now than"
        what = what if rules else "a judge's now, and nobody's"
        return f"the scores of {metric!r} are {what} in {source}: {_AGAIN}"

    def add(self, case: str, readings: Mapping[str, Reading]) -> Iterator[ScoreRow]:
        """Take in the readings of a body of a case; with the first of them come the scores recorded of it, so that
        whoever reads the run finds both.
        """
        if self.states[case] != "paired":
            return
        for metric, reading in readings.items():
            if (metric, reading.judged_by) not in self._seen:
                self._seen[metric, reading.judged_by] = self.mismatch(metric, reading)
        if case in self._added:
            return
        self._added.add(case)
        own = self.evaluation.id, self.recording.version.fingerprint
        outcome: Outcome = "failed" if self.recorded.only_failed else "scored"
        for metric, values in self.recorded.cases[case].scores.items():
            rule = rules[0] if len(rules := self._rules(metric)) == 1 else None
            for index, value in enumerate(values):
                yield ScoreRow(own[0], metric, self.recording.role, own[1], case, index, value, outcome, judged_by=rule)

    @property
    def is_hopeless(self) -> bool:
        """True if more cases can't help, since nothing can be weighed."""
        return self.trouble != "" or any(self._seen.values())

    @property
    def errors(self) -> list[str]:
        """Why scores can't be weighed: what is wrong with the recording, and a judge's scores that nobody gave now."""
        judged, source = {metric for metric, by in self._seen if by is not None}, self.recording.in_words
        unjudged = [metric for metric, _ in self._seen if metric not in judged and self._rules(metric)]
        unjudged_text = "the scores of {!r} are a judge's in {}, and nobody's now: they can't be compared"
        troubles = [self.trouble, *self._seen.values(), *(unjudged_text.format(metric, source) for metric in unjudged)]
        return list(dict.fromkeys(filter(None, troubles)))

    def described(self, verdict: Verdict) -> Verdict:
        """A verdict with what is known of the recorded scores, by the digests of what was asked now."""
        asked = {case.id: case.asked for case in verdict.cases if self.states[case.id] == "paired"}
        both = ((case, now, self.recorded.cases[case].asked) for case, now in asked.items())
        otherwise = sorted(case for case, now, then in both if None not in (now, then) and now != then)
        then, now = self.recorded.code, scoring_digest(self.evaluation.body)
        record = BaselineRecord(
            name=self.recording.name,
            run_id=self.recording.run_id,
            created=self.recording.created,
            n_paired=self.counts["paired"],
            n_changed=self.counts["changed"],
            n_new=self.counts["new"],
            n_removed=self.counts["gone"],
            n_skipped=self.counts["skipped"],
            asked_otherwise=len(otherwise),
            scored_otherwise=None not in (then, now) and then != now,
        )
        notes = [] if self.trouble or verdict.errors else self._notes(record, otherwise)
        known = replace(verdict, reason="; ".join([verdict.reason, *notes]))
        return replace(known, baseline_record=record) if self.recording.role == "baseline" else known

    def _notes(self, record: BaselineRecord, otherwise: Sequence[str]) -> list[str]:
        """Note what a reader must know of the pairs, for the reason of the verdict."""
        notes, source = [], self.recording.in_words
        if others := self._others():
            notes.append(f"{record.n_paired:,} of {len(self.states):,} cases paired with {source} ({others})")
        if otherwise:
            notes.append(f"{len(otherwise):,} were asked otherwise when recorded, such as {otherwise[0]}")
        if record.scored_otherwise:
            notes.append("its test has other code than when it was recorded, and may score the same answer otherwise")
        if few := too_few_samples(self.recorded, self.evaluation.plan.samples - 1):
            notes.append(few)
        returned = {metric for metric, _ in self._seen}
        if returned and not self.recorded.only_failed and (missing := self.recorded.metrics.keys() - returned):
            notes.append(f"recorded, and no longer returned: {', '.join(sorted(missing))}")
        return notes


def _state(case: Case, recorded: RecordedEvaluation) -> State:
    known = recorded.cases.get(case.id)
    if known is None:
        return "skipped" if case.id in recorded.skipped else "new"
    return "paired" if known.content == content_digest(case) else "changed"


@dataclass(frozen=True, slots=True)
class Against:
    """What an evaluation is weighed against beside versions that are asked.

    Attributes:
        recorded: the recorded scores that stand for a baseline's or an anchor's, by role.
        without: the roles that it is not weighed against, though there are such versions, and why.
        anchor_name: the anchor as reasons name it.
    """

    recorded: Mapping[Role, Pairing] = field(default_factory=dict)
    without: Mapping[Role, str] = field(default_factory=dict)
    anchor_name: str = ""


def why_unanchored(evaluation: Evaluation, recording: Recording | None) -> str:
    """Why an evaluation is weighed against the baseline alone though there is an anchor; "" where it is not.

    Args:
        recording: that stands for the anchor; it may be older than the evaluation, which is no reason to promote
            another.
    """
    is_recorded = recording is None or evaluation.id in recording.evaluations
    return evaluation.no_anchor or ("" if is_recorded or recording is None else f"{recording.in_words} has none of it")


def recorded_side(recording: Recording, evaluation: Evaluation, begun: Mapping[int, float]) -> Other:
    """Return what a recording has of an evaluation, for the ledger.

    Args:
        begun: when each generation of its version began in this store.
    """
    pairing = Pairing(recording, evaluation)
    here, draws = {f"{number}:{at:.0f}" for number, at in begun.items()}, pairing.recorded.draws
    unpaired = {case for case, state in pairing.states.items() if state in ("new", "changed")}
    return Other(
        recording.version.fingerprint,
        recording.run_id,
        draws=tuple(draws) or (recording.run_id,),
        asked=frozenset(each.rpartition(":")[0] for each in draws if each.partition(":")[2] in here),
        unpaired=frozenset(built_digest(case) for case in evaluation.cases if case.id in unpaired),
    )


def check_recorded(recording: Recording, evaluations: Sequence[Evaluation]) -> None:
    """Refuse, before the first request, a recording that has none of these evaluations.

    Raises:
        SettingsError: naming what both have.
    """
    ours = [evaluation.id for evaluation in evaluations]
    if not recording.evaluations.keys() & {*ours}:
        known = some(map(repr, recording.evaluations))
        raise SettingsError(
            f"--baseline: {recording.in_words} is of other evaluations: it has {known}, and this run has {some(ours)}."
            " Record a run of these with `steelyard baseline record`."
        )
