"""Verdicts of evaluations with `review=`, of a run just ended and of a stored one, and what waits for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.decisions import Look, Observations, decide, exit_code, worst
from harness.decisions.labels import in_labels, labelled_mean
from harness.errors import RubricError, SettingsError, SteelyardError, shortened
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.history.runs import run_of
from harness.gate.people.batches import Attendant, GateBatch, LabelEvidence, fill_batch
from harness.records import Estimate, Plan, Report, ReviewSummary, Role, Usage, Verdict, VerdictKind, Waiver, waiver_of
from harness.records.review import DECIDED, FINAL_STATES, Batch, Form
from harness.review.batches.draws import JudgedCases, subject_of
from harness.review.batches.population import ReviewPlan, preference_form, rating_form
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store

_LABEL_S = 15.0
"""Seconds that a label is assumed to take, until the first one tells."""
_EVENTS = frozenset({"label", "adjudicate", "exclude", "undo"})


def review_verdicts(
    store: Store,
    run_id: str,
    evaluation: Evaluation,
    observed: Sequence[Observations],
    confidence_level: float,
    look: Look,
) -> list[Verdict]:
    """One verdict for each metric; those of judged metrics come from labels and judge, and their queue is filled.

    A metric that no judge had a part in is decided as it always is, by its share of what the evaluation may spend: all
    comparisons of its metrics have an equal part of that.

    Args:
        run_id: of the run, whose scores are stored.
        look: the part of the gate's error rate that the evaluation may spend.
    """
    counts = [(each.plan.threshold is not None) + (each.baseline is not None) for each in observed]
    n_comparisons, level = max(1, sum(counts)), 1 - confidence_level

    def judged(each: Observations, part: float) -> Verdict:
        """By the scores alone, with the look of the whole evaluation."""
        own = replace(look, red_share=look.red_share * part, weight=look.weight * part)
        (verdict,) = decide([each], confidence_level, looks={each.id: own})
        whole = replace(
            verdict.look or look, red_share=look.red_share, red_level=level * look.red_share, weight=look.weight
        )
        return replace(verdict, look=whole)

    verdicts = []
    for each, count in zip(observed, counts, strict=True):
        part = max(count, 1) / n_comparisons
        verdict = judged(each, part)
        if verdict.verdict is not VerdictKind.ERROR and count and each.unit is None and each.scored.any():
            try:
                levels = level * look.share, level * look.red_share / n_comparisons
                verdict = _reviewed(store, run_id, evaluation, verdict, levels)
            except (SteelyardError, ValueError) as error:
                verdict = judged(replace(each, errors=(f"it can't be reviewed: {error}",)), part)
        verdicts.append(verdict)
    return verdicts


def with_address(verdict: Verdict, review_url: str | None) -> Verdict:
    """The verdict with the address of its queue, where the settings have one."""
    return verdict if verdict.review is None else replace(verdict, review=replace(verdict.review, url=review_url))


def _reviewed(
    store: Store, run_id: str, evaluation: Evaluation, judged: Verdict, levels: tuple[float, float]
) -> Verdict:
    """The verdict of labels and judge on one metric.

    Args:
        levels: at which a question passes, and at which it is red.
    """
    mode = evaluation.plan.review_mode
    form = _form(store, run_id, evaluation, judged.metric)
    if mode is None or form is None:
        return judged
    roles: tuple[Role, ...] = ("candidate",) if judged.baseline is None else ("candidate", "baseline")
    run = run_of(store, run_id)
    subject = subject_of(store, run, ReviewPlan(judged.id, judged.metric, form, roles), mode)
    missing = judged.n_cases - len(subject.cases)
    if missing > 0:
        why = ", ".join(f"{count:,} {reason}" for reason, count in subject.left_out.items()) or "an assertion failed"
        raise SettingsError(
            f"{missing:,} of {judged.n_cases:,} cases can't be shown to people: {why}. Return a score for each case, "
            "for an answer of the model, or leave review= out."
        )
    questions = [_question(judged.plan, each.against, *levels) for each in judged.checks]
    filled = fill_batch(store, run, subject, questions, mode)
    return with_labels(filled, filled.settle(), judged)


def _question(plan: Plan, against: str, level: float, red_level: float) -> LabelQuestion:
    if against == "baseline":
        return LabelQuestion("difference", 0.0, plan.margin, level, red_level)
    return LabelQuestion("rate", plan.threshold or 0.0, plan.margin, level, red_level)


def _form(store: Store, run_id: str, evaluation: Evaluation, metric: str) -> Form | None:
    """Give the form by which people are asked of a metric, from the judge's rubric; None where no judge had a part."""
    own = [each for each in store.score_sets(run_id) if (each.evaluation_id, each.metric) == (evaluation.id, metric)]
    digests = {each.rubric for each in store.judged_by(own)}
    if not digests:
        return None
    rubrics = [evaluation.rubrics.of_digest(digest) for digest in sorted(digests)]
    rubric = rubrics[0]
    if rubric is None or len(rubrics) > 1:
        what = "several rubrics" if rubric is not None else "no rubric"
        raise RubricError(f"the judge's scores of {metric!r} come from {what}; people are asked by one.")
    return preference_form(rubric) if evaluation.is_pairwise else rating_form(rubric)


def resumed(
    store: Store,
    report: Report,
    inconclusive: str,
    review_url: str | None = None,
    waivers: Sequence[Waiver] = (),
) -> Report:
    """A stored run decided again by its stored scores and the labels given since, without a model call.

    Verdicts that no label has a part in follow from scores alone, which never change: they stay as they are.

    Args:
        report: of the run.
        inconclusive: "fail" or "warn", for the exit code.
        review_url: the address of the queue, where the settings have one.
        waivers: those of the project, as they are now.

    Raises:
        SettingsError, ReviewError: what was reviewed is no longer stored.
    """
    attendant = Attendant(store)
    decided = (_resumed(store, attendant, each, report.run_id) for each in report.evaluations)
    verdicts = tuple(with_address(each, review_url) for each in decided)
    kinds, usage = [each.verdict for each in verdicts], report.usage
    stored = Usage(
        stored_samples=usage.model_calls + usage.stored_samples,
        shared_samples=usage.shared_samples,
        stored_blocks=usage.measured_blocks + usage.stored_blocks,
    )
    own = tuple(each for each in waivers if any(each.evaluation_id == verdict.id for verdict in verdicts))
    exits = exit_code((each.verdict for each in verdicts if waiver_of(each, own) is None), inconclusive)
    return replace(report, verdict=worst(kinds), exit_code=exits, evaluations=verdicts, usage=stored, waivers=own)


def _resumed(store: Store, attendant: Attendant, stored: Verdict, run_id: str) -> Verdict:
    """By the questions that the run asked: another one may have asked others of the same batch since."""
    if stored.review is None:
        return stored
    attendant.attend(stored.review.batch)
    batch = store.review.batch(stored.review.batch)
    questions = [
        _question(stored.plan, each.against, each.level or 0.0, each.red_level or 0.0) for each in stored.checks
    ]
    own = attendant.reopen(batch, run_id, stored.review.mode, questions)
    assert own is not None, "a run that has a report is stored"
    return with_labels(own, own.outlook(), stored)


def with_labels(own: GateBatch, evidence: LabelEvidence, judged: Verdict) -> Verdict:
    """The verdict of labels and judge in place of that of the judge.

    Args:
        judged: by the judge's scores alone.
    """
    store, batch, subject, kind = own.store, own.batch, own.subject, evidence.verdict
    given = [each for each in evidence.checks if each.check.verdict is kind]
    is_open = kind is VerdictKind.INCONCLUSIVE
    if is_open:
        given = [max(given, key=lambda each: each.labels_needed or float("inf"))]
    reason = "; ".join(each.check.reason for each in given)
    if is_open:
        reason = _with_order(store, batch, reason, has_labels=given[0].n_labels > 0)
        reason += f"; {batch.source['problem']}" if batch.source.get("problem") else ""
    if left_out := ", ".join(f"{count:,} {why}" for why, count in subject.left_out.items()):
        reason += f"; not asked about: {left_out}"
    if n_others := _under_other_rubrics(store, batch):
        reason += f"; not counted: {in_labels(n_others)} given under another rubric"
    differences = {each.check.against: each.check.difference for each in evidence.checks}
    candidate, baseline = _estimates(subject, evidence, judged)
    review = ReviewSummary(
        batch=batch.id,
        mode=batch.source["mode"],
        n_labels=0,
        n_errors=max((each.n_errors for each in evidence.checks), default=0),
        n_waiting=0,
        wait_s=0.0,
        n_events=_n_events(store, batch.id),
    )
    return replace(
        judged,
        lost=None,
        verdict=kind,
        reason=reason,
        candidate=candidate,
        baseline=baseline,
        difference=differences.get("baseline", differences.get("threshold")),
        samples_needed=None,
        labels_needed=evidence.labels_needed,
        checks=tuple(each.check for each in evidence.checks),
        review=_queued(store, review, is_open=is_open),
    )


def _under_other_rubrics(store: Store, batch: Batch) -> int:
    """The labels of the same evaluation and metric in batches of another rubric."""
    own, now = (batch.evaluation_id, batch.metric), time.time()
    others = (each for each in store.review.batches() if (each.evaluation_id, each.metric) == own)
    return sum(store.review.progress(each.id, now).labels for each in others if each.form.rubric != batch.form.rubric)


class _Order(NamedTuple):
    """The state of a batch whose labels count up to the first item that has none, which may be stuck:
    `n_done` items with a label, `n_behind` of them after it, and what these wait for.
    """

    n_done: int
    n_behind: int = 0
    item: str = ""
    is_stuck: bool = False
    waits: str = ""

    @property
    def behind(self) -> str:
        """The labels that do not count yet, with what they wait for."""
        labels = "label is in and waits" if self.n_behind == 1 else "labels are in and wait"
        return f"{self.n_behind:,} more {labels} {self.waits}"


def _order(store: Store, batch: Batch) -> _Order:
    items, standings = store.review.items_and_standings(batch.id)
    states = [standings[item.id].state for item in items]
    at = next((at for at, state in enumerate(states) if state not in FINAL_STATES), None)
    if at is None:
        return _Order(states.count("done"))
    is_stuck = states[at] in ("disputed", "flagged")
    item = f"item {at + 1:,} (case {shortened(items[at].case_id)}{f', {states[at]}' if is_stuck else ''})"
    first, *others = store.review.skipped(batch.id).get(items[at].id, ()) or ("",)
    who = f"{first} and {others[0] if len(others) == 1 else f'{len(others):,} others'}" if others else first
    waits = f"for {item}, which {who} skipped, to be labelled" if who else f"for {item} to be labelled"
    waits = f"for {item} to be adjudicated" if is_stuck else waits
    return _Order(states.count("done"), states[at:].count("done"), item, is_stuck, waits)


def _with_order(store: Store, batch: Batch, reason: str, *, has_labels: bool) -> str:
    """The reason with what labels wait for that are in and do not count yet."""
    order = _order(store, batch)
    if order.n_done and not has_labels:
        return (
            f"{in_labels(order.n_done)} {'is in and waits' if order.n_done == 1 else 'are in and wait'} {order.waits}"
        )
    if order.n_behind:
        return f"{reason}; {order.behind}"
    return f"{reason}; labels given after {order.item} count once it is adjudicated" if order.is_stuck else reason


def held_back(store: Store, batch: Batch) -> str | None:
    """The labels of a gate's batch that are in and do not count yet, with what they wait for; None where all count."""
    order = _order(store, batch)
    return order.behind if order.n_behind else None


def _queued(store: Store, review: ReviewSummary, *, is_open: bool) -> ReviewSummary:
    """The summary with what waits in its batch now, or why that is closed; nothing of one that is decided."""
    progress = store.review.progress(review.batch, time.time())
    review = replace(_idle(review), n_labels=progress.labels, n_excluded=progress.n_excluded)
    if not is_open or progress.closed is not None:
        return replace(review, closed=(progress.closed_reason or "closed") if is_open else None)
    pace_s = _LABEL_S if progress.seconds_per_label is None else progress.seconds_per_label
    n_stuck = progress.n_disputed + progress.n_flagged
    return replace(review, n_waiting=progress.n_open, wait_s=progress.n_open * pace_s, n_stuck=n_stuck)


def _idle(review: ReviewSummary) -> ReviewSummary:
    """The summary of a batch in which nothing waits."""
    return replace(review, n_waiting=0, wait_s=0.0, n_stuck=0, closed=None)


def as_queued_now(store: Store, report: Report) -> Report:
    """A stored report with what waits for people now, in place of what did when it was decided."""
    open_ones = {batch.id for batch in store.review.batches() if not (batch.closed_reason or "").startswith(DECIDED)}

    def queued(verdict: Verdict) -> Verdict:
        review = verdict.review
        if review is None or verdict.verdict is not VerdictKind.INCONCLUSIVE:
            return verdict
        now = _queued(store, review, is_open=True) if review.batch in open_ones else _idle(review)
        return replace(verdict, review=replace(now, n_labels=review.n_labels, n_excluded=review.n_excluded))

    return replace(report, evaluations=tuple(map(queued, report.evaluations)))


def n_events_since(store: Store, report: Report) -> int:
    """Count the labels of a stored report's batches that were given, settled or taken back after it was decided."""
    decided = {entry.review.batch: entry.review.n_events for entry in report.evaluations if entry.review is not None}
    return sum(max(0, _n_events(store, batch) - n) for batch, n in decided.items() if n is not None)


def _n_events(store: Store, batch_id: str) -> int:
    """The events that may change what labels come to; they are never removed."""
    return sum(event.kind in _EVENTS for event in store.review.events(batch_id=batch_id))


def _estimates(
    subject: JudgedCases, evidence: LabelEvidence, judged: Verdict
) -> tuple[Estimate | None, Estimate | None]:
    """Candidate and baseline by labels and judge, where two labels or more are in; else as the judge scored them.

    Where the difference alone is asked for, cases to which both said the same are never drawn, so that labels tell
    nothing of either by itself.
    """
    own = next((each for each in evidence.checks if each.check.against == "threshold"), None)
    if own is None or own.n_labels < 2:
        return judged.candidate, judged.baseline
    if len(subject.items.scores) == 1:
        return own.estimate, judged.baseline
    return own.estimate, labelled_mean(evidence.ledger, "baseline", subject.items.judged_means("baseline"), 0.95)
