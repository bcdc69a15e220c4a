"""Gathers a candidate's scores beside the recorded ones of a baseline that is not asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.decisions import Observations
from harness.gate.baselines.pairing import Pairing
from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.history.flips import examples
from harness.gate.history.runs import AnswerSource
from harness.gate.sampling.bodies import BodyResult
from harness.gate.sampling.collector import Collector
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import Order, order_of
from harness.records import Change, Kind, Role, ScoreRow, ScoringRule, Verdict
from harness.requests import Trace
from harness.scoring.results import METRIC
from harness.store import Store


class RecordedCollector(Collector):
    """A collector whose bodies run for the candidate alone.

    Recorded scores of a case go to the store beside the candidate's as soon as one of its bodies has ended, so that
    whoever reads the run finds both.

    Args:
        pairing: of the evaluation with its recording.
        order: in which its bodies run.
        candidate: fingerprint of the version under test.
        keep: takes each score on its way to the store.
        entry: what the ledger says of the evaluation.
        store: may hold the recorded run, and so its answers.
    """

    def __init__(
        self,
        pairing: Pairing,
        order: Order,
        candidate: str,
        keep: Callable[[ScoreRow], None],
        entry: Entry,
        store: Store,
    ) -> None:
        super().__init__(pairing.evaluation, order, {"candidate": candidate}, keep, entry)
        self._pairing = pairing
        self._store = store
        self._mismatches: dict[str, None] = {}
        self._judged: set[str] = set()
        self._kept_cases: set[int] = set()

    @property
    def is_hopeless(self) -> bool:
        """True where more cases can't help; nor do they where nothing can be weighed."""
        return super().is_hopeless or self._pairing.trouble != "" or bool(self._mismatches)

    def add(self, role: Role, case: int, sample: int, outcome: BodyResult, trace: Trace) -> None:
        """Take in how one body ended."""
        super().add(role, case, sample, outcome, trace)
        identity = self.evaluation.cases[case].id
        if self._pairing.states[identity] != "paired":
            return
        for metric, reading in (outcome.readings or {}).items():
            if mismatch := self._pairing.mismatch(metric, reading):
                self._mismatches[mismatch] = None
            elif reading.judged_by is not None:
                self._judged.add(metric)
        if case not in self._kept_cases:
            self._kept_cases.add(case)
            self._keep_recorded(identity)

    def _keep_recorded(self, case: str) -> None:
        recorded = self._pairing.recorded
        for metric, values in recorded.cases[case].scores.items():
            fingerprint, judged_by = self._pairing.recording.version.fingerprint, recorded.metrics[metric].judged_by
            rule = ScoringRule.parse(judged_by[0]) if len(judged_by) == 1 else None
            for index, value in enumerate(values):
                name = self.evaluation.id
                self._keep(ScoreRow(name, metric, "baseline", fingerprint, case, index, value, judged_by=rule))

    def observed(self) -> list[Observations]:
        """One entry for each metric, with the recorded scores as the baseline's."""
        found = [
            replace(
                each,
                baseline=self._pairing.scores(each.metric, each.case_ids),
                baseline_is_recorded=True,
                # How the recorded answers came about is not known otherwise.
                plan=replace(each.plan, is_exact=self.evaluation.plan.is_exact),
            )
            for each in super().observed()
        ]
        unjudged = [self._pairing.unjudged(metric, self._judged) for metric in self.metrics]
        troubles = tuple(filter(None, [self._pairing.trouble, *self._mismatches, *unjudged]))
        return [replace(each, errors=(*troubles, *each.errors)) for each in found]

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The metrics that are decided; the recorded ones where each body failed an assertion, a 0 on each of them."""
        recorded = self._pairing.recorded.metrics
        return super().kinds if self.metrics or not recorded or METRIC in recorded else recorded

    def described(self, verdict: Verdict) -> Verdict:
        """The verdict with what is known of its cases, and of their recorded scores."""
        told = super().described(verdict)
        asked = {case.id: case.asked for case in told.cases}
        notes = self._pairing.notes(asked, self.metrics or self._pairing.recorded.metrics)
        is_told = not (self._pairing.trouble or verdict.errors)
        reason = "; ".join([told.reason, *notes]) if is_told else told.reason
        return replace(told, reason=reason, baseline_record=self._pairing.record(asked))

    def changes(self, observed: Observations) -> list[Change]:
        """The cases to look at, with the recorded run's answers where the store still has them."""
        found = super().changes(observed)
        recording, best_first = self._pairing.recording, {each.case_id: True for each in found}
        source = AnswerSource(recording.run_id, "candidate", recording.first_index)
        answers = examples(self._store, source, observed, best_first)
        shown = []
        for each in found:
            answer, reason = answers.get(each.case_id, (None, None))
            shown.append(replace(each, baseline_answer=answer, baseline_reason=reason))
        return shown


@dataclass(frozen=True, slots=True)
class RecordedBaseline:
    """A recording that a run's candidate is weighed against.

    Attributes:
        store: may hold the recorded run, and so its answers.
        seed: of the order in which cases are drawn.
        cases: the pattern of ids that the run is restricted to.
        judges: the fingerprints of those that it asks.
    """

    recording: Recording
    store: Store
    seed: int = 0
    cases: str = "*"
    judges: tuple[str, ...] = ()

    def collector(
        self,
        evaluation: Evaluation,
        candidate: str,
        keep: Callable[[ScoreRow], None],
        entry: Entry,
        *,
        may_be_cut: bool,
    ) -> RecordedCollector:
        """Make the collector that gathers the scores of an evaluation; `may_be_cut` where the run may end before its
        last case.
        """
        order = order_of(evaluation, 2, self.seed, may_be_cut=may_be_cut, drawn=entry.order)
        pairing = Pairing(self.recording, evaluation, self.cases, self.judges)
        return RecordedCollector(pairing, order, candidate, keep, entry, self.store)
