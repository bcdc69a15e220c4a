"""Verdicts of evaluations with `review=`, in a run that has just ended, and of a stored run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.decisions import Look, Observations, decide, exit_code, worst
from harness.errors import RubricError, SettingsError, SteelyardError
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.history.runs import run_of
from harness.gate.people.batches import Attendant, fill_batch
from harness.gate.people.results import with_labels
from harness.records import Plan, Report, Role, Usage, Verdict, VerdictKind
from harness.records.review import Form
from harness.review.batches.draws import subject_of
from harness.review.batches.plans import ReviewPlan, preference_form, rating_form
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store


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


def resumed(store: Store, report: Report, inconclusive: str, review_url: str | None = None) -> Report:
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
    decided = (_resumed(store, attendant, each, report.run_id) for each in report.evaluations)
    verdicts = tuple(with_address(each, review_url) for each in decided)
    kinds, usage = [each.verdict for each in verdicts], report.usage
    stored = Usage(
        stored_samples=usage.model_calls + usage.stored_samples,
        shared_samples=usage.shared_samples,
        stored_blocks=usage.measured_blocks + usage.stored_blocks,
    )
    exits = exit_code(kinds, inconclusive)
    return replace(report, verdict=worst(kinds), exit_code=exits, evaluations=verdicts, usage=stored)


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
