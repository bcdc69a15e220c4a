"""Verdicts of evaluations with `review=`, in a run that has just ended, and of a stored run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.decisions import Look, Observations, decide, exit_code, worst
from harness.errors import RubricError, SettingsError, SteelyardError
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.history.runs import look_of, run_of
from harness.gate.people.batches import Attendant, fill_batch, outlook, settle_batch
from harness.gate.people.results import with_labels
from harness.records import LookTaken, Report, Role, Usage, Verdict, VerdictKind
from harness.records.review import Form
from harness.review.batches.draws import subject_of
from harness.review.batches.plans import ReviewPlan, preference_form, rating_form
from harness.statistics.labels.draws import LabelQuestion
from harness.store import RunInfo, Store


@dataclass(frozen=True, slots=True)
class SpendingLevels:
    """The part of its gate's error rate that an evaluation may spend."""

    confidence_level: float
    look: Look

    def taken(self, verdict: Verdict) -> LookTaken | None:
        """The look of a whole evaluation, one metric of which a verdict was found for by itself."""
        if verdict.look is None:
            return None
        red, level = self.look.red, 1 - self.confidence_level
        return replace(verdict.look, red_share=red, red_level=level * red, weight=self.look.weight)

    def questions(self, verdict: Verdict, n_comparisons: int, *, is_compared: bool) -> tuple[LabelQuestion, ...]:
        """List the questions of one metric that labels are to decide.

        Args:
            n_comparisons: of all metrics of its evaluation, which share what it may spend on a false red.
        """
        level, plan = 1 - self.confidence_level, verdict.plan
        spent = plan.margin, level * self.look.passing, level * self.look.red / n_comparisons
        rate = () if plan.threshold is None else (LabelQuestion("rate", plan.threshold, *spent),)
        return (*rate, LabelQuestion("difference", 0.0, *spent)) if is_compared else rate


def review_verdicts(
    store: Store,
    run_id: str,
    evaluation: Evaluation,
    observed: Sequence[Observations],
    levels: SpendingLevels,
    review_url: str | None = None,
) -> list[Verdict]:
    """One verdict for each metric; those of judged metrics come from labels and judge, and their queue is filled.

    A metric that no judge had a part in is decided as it always is, by its share of what the evaluation may spend.

    Args:
        run_id: of the run, whose scores are stored.
        review_url: the address of the queue, where the settings have one.
    """
    comparisons = [(each.plan.threshold is not None) + (each.baseline is not None) for each in observed]
    verdicts = []
    for each, own in zip(observed, comparisons, strict=True):
        part = max(own, 1) / max(1, sum(comparisons))
        look = replace(levels.look, red=levels.look.red * part, weight=levels.look.weight * part)
        verdict = _judged(each, levels, look)
        if verdict.verdict is not VerdictKind.ERROR and own and each.unit is None and each.scored.any():
            try:
                verdict = _reviewed(store, run_id, evaluation, verdict, levels, sum(comparisons))
            except (SteelyardError, ValueError) as error:
                verdict = _judged(replace(each, errors=(f"it can't be reviewed: {error}",)), levels, look)
        verdicts.append(_at(review_url, verdict))
    return verdicts


def _judged(observed: Observations, levels: SpendingLevels, look: Look) -> Verdict:
    """The verdict that follows from the scores alone."""
    (verdict,) = decide([observed], levels.confidence_level, looks={observed.id: look})
    return replace(verdict, look=levels.taken(verdict))


def _at(review_url: str | None, verdict: Verdict) -> Verdict:
    """The verdict with the address of its queue."""
    return verdict if verdict.review is None else replace(verdict, review=replace(verdict.review, url=review_url))


def _reviewed(
    store: Store, run_id: str, evaluation: Evaluation, judged: Verdict, levels: SpendingLevels, n_comparisons: int
) -> Verdict:
    mode = evaluation.plan.review_mode
    form = _form(store, run_id, evaluation, judged.metric)
    if mode is None or form is None:
        return judged
    is_compared = judged.baseline is not None
    roles: tuple[Role, ...] = ("candidate", "baseline") if is_compared else ("candidate",)
    run = run_of(store, run_id)
    subject = subject_of(store, run, ReviewPlan(judged.id, judged.metric, form, roles), mode)
    missing = judged.n_cases - len(subject.cases)
    if missing > 0:
        why = ", ".join(f"{count:,} {reason}" for reason, count in subject.left_out.items()) or "an assertion failed"
        raise SettingsError(
            f"{missing:,} of {judged.n_cases:,} cases can't be shown to people: {why}. Return a score for each case, "
            "for an answer of the model, or leave review= out."
        )
    questions = levels.questions(judged, n_comparisons, is_compared=is_compared)
    batch = fill_batch(store, run, subject, questions, mode)
    found = settle_batch(store, batch, subject, questions)
    return with_labels(store, batch, subject, found, judged)


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


def resumed(store: Store, run: RunInfo, report: Report, inconclusive: str, review_url: str | None = None) -> Report:
    """A stored run decided again by its stored scores and the labels given since, without a model call.

    Verdicts that no label has a part in follow from scores alone, which never change: they stay as they are.

    Args:
        report: of the run.
        inconclusive: "fail" or "warn", for the exit code.
        review_url: the address of the queue, where the settings have one.

    Raises:
        SettingsError, ReviewError: what was reviewed is no longer stored.
    """
    attendant = Attendant(store)
    verdicts = tuple(_at(review_url, _resumed(store, attendant, each, run, report)) for each in report.evaluations)
    kinds = [each.verdict for each in verdicts]
    usage = report.usage
    return replace(
        report,
        verdict=worst(kinds),
        exit_code=exit_code(kinds, inconclusive),
        evaluations=verdicts,
        usage=Usage(
            stored_samples=usage.model_calls + usage.stored_samples,
            shared_samples=usage.shared_samples,
            stored_blocks=usage.measured_blocks + usage.stored_blocks,
        ),
    )


def _resumed(store: Store, attendant: Attendant, stored: Verdict, run: RunInfo, report: Report) -> Verdict:
    if stored.review is None:
        return stored
    attendant.attend(stored.review.batch)
    batch = store.review.batch(stored.review.batch)
    levels = SpendingLevels(report.confidence_level, look_of(run, report, stored))
    metrics = [each for each in report.evaluations if each.id == stored.id]
    comparisons = sum((each.plan.threshold is not None) + (each.baseline is not None) for each in metrics)
    is_compared = any(check.against == "baseline" for check in stored.checks)
    questions = levels.questions(stored, comparisons, is_compared=is_compared)
    subject = attendant.subject(batch, report.run_id, stored.review.mode)
    assert subject is not None, "a run that has a report is stored"
    return with_labels(store, batch, subject, outlook(store, batch, subject, questions), stored)
