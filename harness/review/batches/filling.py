"""From a stored run to items of the review queue."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.errors import ReviewError, SettingsError
from harness.records import MOST_DISAGREEMENT
from harness.records.review import Batch, Item
from harness.review.batches.material import JudgeMaterial
from harness.review.batches.plans import ReviewPlan
from harness.review.batches.population import Population, pairs, singles
from harness.statistics.arrays import BoolArray, FloatArray, IntArray
from harness.statistics.labels.drawing import Items, Lots, cast_lots, next_draw, shown
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.store import RunInfo, Store

_LOWEST, _HIGHEST = 0.2, 0.95

_CONFIDENCE_LEVEL = 0.95
_USUAL = MOST_DISAGREEMENT / 2
_AGREED = 0.5


@dataclass(frozen=True, slots=True)
class BatchAddition:
    """A batch that was added.

    Attributes:
        n_items: how many items it has.
        n_cases: how many cases could have been drawn.
        left_out: how many answers could not be reviewed, by the reason.
    """

    batch: Batch
    n_items: int
    n_cases: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReviewableEvaluation:
    """The answers of an evaluation of a run that can be drawn.

    Attributes:
        found: answers of each version, or the pairs of both.
        cases: those that every one of these has, in order.
    """

    found: tuple[Population, ...]
    cases: tuple[str, ...]

    @property
    def left_out(self) -> dict[str, int]:
        """The numbers of answers that can't be reviewed, by the reason."""
        reasons: Counter[str] = Counter()
        for each in self.found:
            reasons.update(each.left_out)
        return dict(reasons)

    @property
    def lack(self) -> str:
        """The reasons why there is no case."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items()) or "it has no scores"


def reviewable(store: Store, run: RunInfo, plan: ReviewPlan) -> ReviewableEvaluation:
    """Find the answers that can be drawn by a plan; of no case, where nothing can.

    Raises:
        SettingsError: its scores are no scores in [0, 1], or there is no baseline for pairs.
    """
    found = (pairs(store, run, plan),) if plan.form.is_pair else tuple(singles(store, run, plan, r) for r in plan.roles)
    cases = set.intersection(*(set(each.cases) for each in found))
    material = JudgeMaterial(store, run, plan, [item for each in found for item in each.items.values()])
    return ReviewableEvaluation(tuple(replace(each, material=material) for each in found), tuple(sorted(cases)))


def add_run(store: Store, run: RunInfo, plan: ReviewPlan, *, now: float | None = None) -> BatchAddition:
    """Draw items of one evaluation of a run, and add them to the queue as a batch.

    Raises:
        SettingsError: the evaluation has no such scores, or nothing of it can be reviewed.
        ReviewError: the same answers are in the queue already, for a form of the same kind.
    """
    _check_new(store, run, plan)
    known = reviewable(store, run, plan)
    found, cases, left_out = known.found, known.cases, known.left_out
    if not cases:
        raise SettingsError(f"Run {run.run_id}: nothing of {plan.evaluation_id} can be reviewed: {known.lack}.")
    lots = cast_lots(cases, plan.seed)
    judged = judged_items(found, cases, lots)
    question = _question(store, run, plan, judged)
    draws = draw(judged, question, plan.draws)
    batch = Batch(
        id=secrets.token_hex(4),
        created=time.time() if now is None else now,
        evaluation_id=plan.evaluation_id,
        form=plan.form,
        metric=plan.metric,
        run_id=run.run_id,
        source={
            "question": asdict(question),
            "seed": plan.seed,
            "roles": list(plan.roles),
            "cases": len(cases),
            "left_out": left_out,
            "end": next((asdict(each) for each in draws if each.case is None), None),
        },
    )
    items = items_of_draws(found, cases, draws, lambda item: replace(item, batch_id=batch.id, wanted=plan.overlap))
    store.review.add_batch(batch, items)
    return BatchAddition(batch, len(items), len(cases), left_out)


def _check_new(store: Store, run: RunInfo, plan: ReviewPlan) -> None:
    for batch in store.review.batches():
        known = (batch.run_id, batch.evaluation_id, batch.metric, batch.form.kind)
        if known == (run.run_id, plan.evaluation_id, plan.metric, plan.form.kind):
            raise ReviewError(
                f"The queue holds {plan.evaluation_id} of run {run.run_id} already, as batch {batch.id}; "
                f"`steelyard review status {batch.id}` tells how far it is."
            )


def judged_items(found: Sequence[Population], cases: Sequence[str], lots: Lots) -> Items:
    """The judged cases, with what the drawing goes by beside their scores.

    A case whose two shown answers are equal has a difference that is known. One on whose shown answers the judge's
    opinions differ is in more doubt.
    """
    tables = [each.table(cases) for each in found]
    columns = [shown(table, lots) for table in tables]
    same: BoolArray | None = None
    if len(tables) == 2:
        texts = [
            [each.items[case, int(column)].answers[0].text for case, column in zip(cases, of_version, strict=True)]
            for each, of_version in zip(found, columns, strict=True)
        ]
        same = np.array([one == other for one, other in zip(*texts, strict=True)], dtype=np.bool_)
    return Items(tables[0], lots, tables[1] if len(tables) == 2 else None, same, _doubt(found, cases, columns))


def _doubt(found: Sequence[Population], cases: Sequence[str], columns: Sequence[IntArray]) -> FloatArray | None:
    """From what a judge that is of one mind leaves open to three times as much; None where no judge was asked twice.

    Where of some cases nothing is known, these are in the middle.
    """
    if not any(each.disagreements for each in found):
        return None
    shares = [
        [each.disagreements.get((case, int(column)), _USUAL) for case, column in zip(cases, of_version, strict=True)]
        for each, of_version in zip(found, columns, strict=True)
    ]
    doubt: FloatArray = _AGREED + (1 - _AGREED) * np.mean(shares, axis=0) / _USUAL
    return doubt


def _question(store: Store, run: RunInfo, plan: ReviewPlan, items: Items) -> LabelQuestion:
    """Give the question that the run's report puts to labels, as far as labels of this form can decide it."""
    report = store.report(run.run_id) or {}
    entries = [
        entry
        for entry in report.get("evaluations", ())
        if (entry.get("id"), entry.get("metric")) == (plan.evaluation_id, plan.metric) and not plan.form.is_pair
    ]
    entry = entries[0] if entries else {}
    level = report.get("confidence_level", _CONFIDENCE_LEVEL)
    return question_of(items.scores, entry.get("threshold"), entry.get("margin"), level)


def items_of_draws(
    found: Sequence[Population], cases: Sequence[str], draws: Sequence[Draw], finish: Callable[[Item], Item]
) -> list[Item]:
    """The items of the draws: one of each version, which follow each other in an order that does not tell the version.

    Each holds its draw, and in it under "version" which of the draw's versions it is: the place among `found`.
    """
    items: list[Item] = []
    for each in draws:
        if each.case is None:
            continue
        stored, together = asdict(each), []
        for version, (population, sample) in enumerate(zip(found, each.samples, strict=True)):
            item = population.item(cases[each.case], sample)
            together.append(replace(item, probability=each.probability, draw={**stored, "version": version}))
        for item in sorted(together, key=_lot):
            items.append(finish(replace(item, position=len(items))))
    return items


def _lot(item: Item) -> bytes:
    """A random number for an item, always the same, which only those can tell who know the samples' keys."""
    keys = b"".join(answer.sample_key or b"" for answer in item.answers)
    return hashlib.sha256(item.case_id.encode("utf-8", "surrogatepass") + b"\0" + keys).digest()


_MARGIN = 0.05


def draw(items: Items, question: LabelQuestion, count: int) -> list[Draw]:
    """So many draws, or fewer where every case has had its turn before: the last of them then is of no case."""
    drawn: list[Draw] = []
    while len(drawn) < count:
        labels = np.full((len(drawn), len(items.scores)), np.nan)
        found = next_draw(items, drawn, labels, [question])
        if found is None:
            break
        drawn.append(found)
    return drawn


def question_of(
    tables: Sequence[FloatArray], threshold: float | None, margin: float | None, confidence_level: float
) -> LabelQuestion:
    """Give the question for labels: the difference of two versions, else the mean of one against what is required.

    Where nothing is required that labels could decide, it is whether the mean is what the judge says, within a margin.

    Args:
        tables: (n_cases, n_samples) scores of each version.
        threshold, margin: of the evaluation, where it has some.
    """
    level = 1 - confidence_level
    allowed = margin if margin is not None and 0 < margin < 1 else _MARGIN
    if len(tables) == 2:
        return LabelQuestion("difference", 0.0, allowed, level, level)
    if threshold is not None and allowed < threshold < 1:
        return LabelQuestion("rate", threshold, allowed, level, level)
    return LabelQuestion("rate", float(np.clip(np.nanmean(tables[0]), _LOWEST, _HIGHEST)), _MARGIN, level, level)
