"""Gathers the scores of one evaluation, in the order of its cases and not of their arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.decisions import Observations
from harness.gate.baselines.pairing import Against
from harness.gate.evaluations.cases import question_digest, with_contents
from harness.gate.evaluations.evaluation import Evaluation, bet_on_together, clusters_of
from harness.gate.evaluations.examples import SHOWN, Parts, Place, changes, expected_of
from harness.gate.evaluations.kinds import against_aim, aimed, failed_assertions, misfits, two_kinds, without_ratio
from harness.gate.evaluations.score_table import ScoreTable
from harness.gate.evaluations.slices import case_slices
from harness.gate.sampling.bodies import BodyResult
from harness.gate.sampling.body_errors import NOTHING_ASKED, BodyErrors, describe, missing_metrics
from harness.gate.sampling.candidates import unless_uncountable
from harness.gate.sampling.judges import CountedBodies, Judges
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import Order
from harness.gate.sampling.question import unless_grown
from harness.records import Change, Interruption, JudgeSummary, Kind, Outcome, Role, ScoreRow, Verdict, same_kind
from harness.requests import Trace
from harness.scoring.results import METRIC, Reading
from harness.stages.inference.blocks.measured import excess_unanswered
from harness.statistics.arrays import FloatArray


class Collector:
    """The scores of one evaluation, a table for each version that its body runs for.

    Args:
        evaluation: whose scores.
        order: in which its bodies run.
        fingerprints: of the versions that its body runs for, by role.
        keep: takes each score on its way to the store.
        entry: what the ledger says of the evaluation.
        against: what it is weighed against beside what is drawn.

    Attributes:
        of_stages: what its bodies get of each version's lineage, by role and name.
        loads: the blocks that were measured for them, by role and case, or the error that a case has in their place.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        order: Order,
        fingerprints: Mapping[Role, str],
        keep: Callable[[ScoreRow], None],
        entry: Entry,
        against: Against | None = None,
    ) -> None:
        self.evaluation, self.order, self.entry = evaluation, order, entry
        self.roles: tuple[Role, ...] = tuple(fingerprints)
        self._fingerprints, self._keep, self._against = fingerprints, keep, against or Against()
        self._recorded = self._against.recorded
        self.of_stages: Mapping[Role, Mapping[str, object]] = {}
        self.loads: Mapping[tuple[Role, str], object] = {}
        self._n_batches = order.n_steps // max(1, len(order.cases))
        self._first_steps = {case: position * self._n_batches for position, case in enumerate(order.cases)}
        self._left = [len(self.roles) * len(order.bodies(step)) for step in range(order.n_steps)]
        question = entry.question
        horizon = 0 if question is None else question.stakes.horizon
        drawn = entry.order or order.cases
        self._slices = case_slices(evaluation.plan.slice_fields, evaluation.cases, drawn, horizon)
        self.upto: int | None = None
        """The steps that count, once it is decided."""
        self._numbers = {case.id: number for number, case in enumerate(evaluation.cases)}
        self._tables = {role: ScoreTable(self._numbers, order.n_samples) for role in self.roles}
        self._kinds: dict[str, Reading] = {}
        self._skips: dict[int, Counter[Role]] = {}
        """How often bodies skipped a case, by version."""
        self.cut_at: str | None = None
        """The limit of the run that was reached before its last step."""
        self._tally = BodyErrors()
        self._asked: dict[int, str | None] = {}
        self._truncated = np.zeros((len(evaluation.cases), order.n_samples), dtype=bool)
        self._interruption: Interruption | None = None
        self._judges = Judges()
        self._parts = Parts()
        self._ways: set[str | None] = set()
        self._unasked: bool | None = None
        """True while no body that gave a score has asked what is weighed; None until one gave a score."""
        self.done = 0
        self.n_stored = 0
        """Bodies that ended without a draw: the store had all that they asked for."""
        self._largest_cluster = bet_on_together(evaluation) if question is None else question.largest_cluster
        self.complete = 0
        """The steps that have come to their end, with all those before them."""

    @property
    def weighed(self) -> set[Role]:
        """The roles of the versions that have scores, drawn or recorded."""
        return {*self.roles, *self._recorded}

    @property
    def total(self) -> int:
        """Bodies to run in all, at most."""
        ended = self.upto is not None or self.cut_at is not None
        return self.done if ended else len(self.roles) * self.order.n_bodies

    def cut(self, limit: str) -> None:
        """Draw nothing more, because a limit of the run is reached: steps that are not complete never will be."""
        self.cut_at = limit

    def stop_after(self, n: int) -> None:
        """Decide by the first `n` of the cases (of the samples, for a single case) that were not skipped.

        The skipped cases right after them count as drawn: without them a suite of which all is drawn would lack some.
        """
        if self.evaluation.plan.per == "case":
            self.upto = self._step(0, n - 1) + 1
            return
        kept = self._kept(self.complete)
        self.upto = self._step(kept[n], 0) if n < len(kept) else self.complete

    @property
    def asks_people(self) -> bool:
        """True where people are to label its answers: all of its cases are put to them or, cut short, none."""
        return self.evaluation.plan.review_mode is not None and self.cut_at is None

    def _step(self, case: int, sample: int) -> int:
        return self._first_steps[case] + sample // self.order.batch

    @property
    def is_over(self) -> bool:
        """True once no further step is to start: it is decided, or can't be, or nothing more is drawn."""
        return self.is_hopeless or self.upto is not None or self.cut_at is not None

    def _end(self) -> int:
        """The steps that count: of a sequential design the complete ones, without a cluster that goes on after them."""
        if self.upto is not None or not self.order.interleaved:
            return self.order.n_steps if self.upto is None else self.upto
        end, clusters = self.complete, self.evaluation.clusters
        if clusters is not None and end < self.order.n_steps:
            while end > 0 and clusters[self.order.cases[end - 1]] == clusters[self.order.cases[end]]:
                end -= 1
        return end

    def _kept(self, end: int) -> list[int]:
        """The cases of the first steps in the order drawn, without those that were skipped."""
        return [case for case in self.order.cases[:end] if case not in self._skips]

    def _asides(self, end: int, n_bodies: int) -> Iterator[str]:
        """Say why there is no baseline or anchor though the run has one, and which cases are left out that some bodies,
        or those of one version, did not skip.
        """
        for role, why in self._against.without.items():
            if role == "anchor" or "anchor" in self.weighed:
                yield f"not weighed against the {role}: {why}"
            else:
                is_held = self.evaluation.plan.threshold is not None
                yield f"{why}: {'held to the threshold alone' if is_held else 'nothing to compare it with'}"
        skips = [self._skips[case] for case in self.order.cases[:end] if case in self._skips]
        partly = [each for each in skips if any(each[role] < n_bodies for role in self.roles)]
        if partly and not self._tally.lines(end, self._case_of):
            n, bodies = len(partly), f"{len(partly) * n_bodies:,}"
            skipped = ", ".join(f"{role} {sum(each[role] for each in partly):,} of {bodies}" for role in self.roles)
            yield (
                f"{n:,} {'case' if n == 1 else 'cases'} left out though not every body skipped ({skipped}): "
                "skipping by what the model answered biases the result"
            )

    def add(self, role: Role, case: int, sample: int, outcome: BodyResult, trace: Trace) -> None:
        """Take in how one body ended."""
        self.done += 1
        step, place = self._step(case, sample), (role, case, sample)
        self._left[step] -= 1
        while self.complete < len(self._left) and self._left[self.complete] == 0:
            self.complete += 1
        self.n_stored += bool(trace.own or trace.others) and not (trace.drew or trace.error)
        if role == "candidate":
            self._truncated[case, sample] = trace.truncated
            if sample == 0:
                self._asked[case] = question_digest(trace.request)
        self._ways.add(trace.way)
        if trace.judgements:
            self._judges.keep(place, trace.judgements)
        if outcome.error is not None:
            self._tally.add(step, outcome.error)
            reading = Reading(float("nan"), describe(outcome.error)[:SHOWN])
            self._emit(METRIC, place, reading, "error", trace)
            self._keep_recorded(case, {})
        elif outcome.skipped:
            self._skips.setdefault(case, Counter())[role] += 1
            self._emit(METRIC, place, Reading(float("nan"), outcome.reason), "skipped", trace)
            self._keep_recorded(case, {})
        else:
            self._score(place, outcome, trace)

    def _score(self, place: Place, outcome: BodyResult, trace: Trace) -> None:
        role, case, sample = place
        if role == "candidate" and self._unasked is not False:
            others = bool(trace.others) and not self.evaluation.needs_version
            self._unasked = not (trace.own or others or self.evaluation.stages)
        readings = outcome.readings or {}
        if outcome.failed:
            self._tables[role].failed[case, sample] = True
            readings = {METRIC: Reading(0.0, outcome.reason, judged_by=trace.judged_by)}
        elif self.evaluation.plan.aim == "lower":
            readings = aimed(readings)
        if self.evaluation.aggregation is not None:
            self._parts.keep(place, readings)
        for metric, reading in readings.items():
            if not outcome.failed:
                known = self._kinds.setdefault(metric, reading)
                if known is reading or same_kind(known, reading):
                    self._tables[role].put(metric, case, sample, reading.value)
                else:
                    self._tally.note(two_kinds(metric, known, reading), self._step(case, sample))
            self._emit(metric, place, reading, "failed" if outcome.failed else "scored", trace, outcome.assertion)
        self._keep_recorded(case, {} if outcome.failed else readings)

    def _keep_recorded(self, case: int, readings: Mapping[str, Reading]) -> None:
        for each in self._recorded.values():
            for row in each.add(self.evaluation.cases[case].id, readings):
                self._keep(row)

    def _emit(
        self, metric: str, place: Place, reading: Reading, how: Outcome, trace: Trace, assertion: str | None = None
    ) -> None:
        role, case, sample = place
        value = None if how in ("skipped", "error") else reading.value
        row = self.evaluation.id, metric, role, self._fingerprints[role], self.evaluation.cases[case].id, sample, value
        by = reading.judged_by
        self._keep(ScoreRow(*row, how, reading.reason, trace.key, by, trace.shown.get(by), assertion))

    @property
    def lack(self) -> str:
        """The advice on what the versions lack, where every body says so and nothing can be weighed; else ""."""
        lacking = self._tally.lacking
        return lacking[0].advice if lacking and len(lacking) == self.done else ""

    @property
    def is_hopeless(self) -> bool:
        """True where more cases can't help: the body itself is broken, the endpoint was given up, or what is recorded
        can't be weighed.
        """
        return self._tally.is_hopeless or any(each.is_hopeless for each in self._recorded.values())

    def note(self, error: str) -> None:
        """Note an error of the evaluation as a whole."""
        self._tally.note(error)

    def interrupt(self, trouble: str = "") -> None:
        """Note that the run was stopped before the evaluation came to its end, and what held it up then."""
        self._interruption = Interruption(self.done, self.total)
        held_up = f" (held up by: {trouble})" if trouble else ""
        self.note(f"interrupted after {self.done:,} of {self.total:,} samples{held_up}; run again to go on from there")

    @property
    def lacks_samples(self) -> bool:
        """Whether samples were not in the store, and nothing is drawn."""
        return self._tally.lacks_samples

    @property
    def troubles(self) -> tuple[str, ...]:
        """What went wrong in bodies, most frequent first."""
        return self._tally.lines(self._end(), self._case_of)

    @property
    def late_errors(self) -> str:
        """The errors of cases that the decision did not need; "" where there are none."""
        text = "" if self.upto is None else self._tally.late(self.upto, self._case_of)
        return f"{self.evaluation.id.rpartition('::')[2]}: after it was decided, {text}" if text else ""

    def _case_of(self, step: int) -> str:
        return self.evaluation.cases[self.order.bodies(step)[0][0]].id

    def observed(self) -> list[Observations]:
        """One entry for each metric, ready to be decided. Skipped cases are left out for all roles."""
        rows, columns = self._counted()
        cut = {
            metric: {role: table.of(metric)[rows][:, :columns] for role, table in self._tables.items()}
            for metric in self.kinds
        }
        end = self._end()
        judged = self._judges.errors(lambda place: self._step(place[1], place[2]) < end)
        errors = [*judged, *self._tally.lines(end, self._case_of)] or self._failed_assertions()
        if not errors and self._unasked:
            errors = [NOTHING_ASKED]
        if not errors and self.complete >= end:
            errors = missing_metrics(cut)
        observations = (self._observed(metric, by_role, rows, errors) for metric, by_role in cut.items())
        return [unless_grown(self.entry.question, each) for each in observations]

    def _counted(self) -> tuple[list[int], int]:
        """The cases and the number of samples that count; those of a whole fixed design as the file has them."""
        end = self._end()
        if self.evaluation.plan.per == "case" and self.order.interleaved:
            return self._kept(1), min(end * self.order.batch, self.order.n_samples)
        kept = self._kept(end)
        whole = end == self.order.n_steps and not self.order.stops
        return sorted(kept) if whole else kept, self.order.n_samples

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The metrics that are decided, and what they are; where each body failed an assertion the recorded ones, or
        one alone.
        """
        recorded = next((each.kinds for each in self._recorded.values() if each.kinds), None)
        return self._kinds or recorded or {METRIC: Reading(0.0, higher_is_better=self.evaluation.plan.aim != "lower")}

    def _failed_assertions(self) -> list[str]:
        """The errors of metrics of which a body failed an assertion, where that is no score."""
        any_failed = any(table.failed.any() for table in self._tables.values())
        return failed_assertions(self.kinds) if any_failed else []

    def _observed(self, metric: str, sides: dict[Role, FloatArray], kept: list[int], errors: list[str]) -> Observations:
        plan, kind, candidate = self.evaluation.plan, self.kinds[metric], sides["candidate"]
        recorded, case_ids = self._recorded, tuple(self.evaluation.cases[i].id for i in kept)
        known = sides | {role: each.scores(metric, case_ids) for role, each in recorded.items()}
        errors = [
            *(text for each in recorded.values() for text in each.errors),
            *errors,
            *against_aim(metric, kind, plan.aim),
        ]
        errors += misfits(metric, kind, plan.threshold, 0.0 if plan.margin_is_relative else plan.margin)
        observed = Observations(
            id=self.evaluation.id,
            metric=metric,
            plan=replace(
                plan,
                design="sequential" if self.order.stops else "fixed",
                # How recorded answers came about is not known.
                is_exact=plan.is_exact or (plan.per == "suite" and self._ways == {"weighed"} and not recorded),
            ),
            case_ids=case_ids,
            candidate=candidate,
            baseline=known.get("baseline"),
            anchor=known.get("anchor"),
            anchor_name=self._against.anchor_name,
            recorded=frozenset(recorded),
            **kind.fields_of(Kind),
            largest_cluster=self._largest_cluster,
            n_planned=self.order.n_samples if plan.per == "case" else len(self.order.cases),
            n_skipped=sum(case in self._skips for case in self.order.cases[: self._end()]),
            n_truncated=int((self._truncated[kept][:, : candidate.shape[1]] & ~np.isnan(candidate)).sum()),
            errors=tuple(errors),
            interruption=self._interruption,
            stopped_at=(self.cut_at or "") if self.upto is None else "",
            suite_size=len(self.evaluation.cases),
            stakes=None if self.entry.question is None else self.entry.question.stakes,
            undecided="a part of the cases (--case)" if self.evaluation.is_part else self.entry.undecided,
            is_repeatable="greedy" in self._ways,
            asides=tuple(self._asides(self._end(), self._counted()[1])),
            traceback=self._tally.traceback(self._end()),
            unanswered=excess_unanswered(self.loads),
            slices=self._slices,
            baseline_level=self.entry.turn.baseline_level / max(1, len(self.kinds)),
            **clusters_of(self.evaluation, kept),
        )
        observed = observed if errors else replace(observed, errors=tuple(without_ratio(observed)))
        return unless_uncountable(observed)

    def judges(self, confidence_level: float) -> tuple[JudgeSummary, ...]:
        """The work of each judge in the bodies that count."""
        kept, n_samples = self._counted()
        clusters = clusters_of(self.evaluation, kept).get("clusters")
        counted = CountedBodies(kept, n_samples, clusters, self.evaluation.plan.per == "case")
        return self._judges.summaries(counted, confidence_level)

    def described(self, verdict: Verdict) -> Verdict:
        """The verdict with digests of its cases, by which a later run knows them again, and of what is recorded."""
        known = with_contents(verdict, self.evaluation.cases, self._asked)
        for each in self._recorded.values():
            known = each.described(known)
        return known

    def with_aggregates(self, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
        """The verdicts of all metrics, the figures over all cases beside the first of them."""
        aggregation = self.evaluation.aggregation
        if aggregation is None or not verdicts or not verdicts[0].cases:
            return tuple(verdicts)
        aggregates = self._parts.aggregates(aggregation, verdicts[0].cases, self._numbers)
        return (replace(verdicts[0], aggregates=aggregates), *verdicts[1:])

    def changes(self, observed: Observations) -> list[Change]:
        """The cases of a metric to look at, the worst first."""
        cases = self.evaluation.cases
        return [replace(each, expected=expected_of(cases[self._numbers[each.case_id]])) for each in changes(observed)]
