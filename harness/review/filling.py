"""From a stored run to items of the review queue."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.errors import ReviewError, SettingsError
from harness.records import Messages, Request, Role, ScoreRow
from harness.review import drawing
from harness.statistics.arrays import FloatArray
from harness.store import RunInfo, ScoreSet, Store
from harness.store.review_records import Answer, Batch, Form, Item


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a run is to be reviewed.

    Attributes:
        metric: of the evaluation.
        roles: of which versions single answers are drawn; a pair always is the candidate's and the baseline's.
        expected: how many items are drawn on average.
        overlap: how many reviewers label each.
        seed: of the drawing.
        show_system: whether reviewers see system messages. These belong to a version and tell it from another.
    """

    evaluation_id: str
    metric: str
    form: Form
    roles: tuple[Role, ...] = ("candidate",)
    expected: int = 100
    overlap: int = 1
    seed: int = 0
    show_system: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """A batch that was added.

    Attributes:
        n_items: how many were drawn.
        population: of how many.
        left_out: how many could not be reviewed, by the reason.
    """

    batch: Batch
    n_items: int
    population: int
    left_out: Mapping[str, int]


_NO_SCORE, _NO_ANSWER, _NO_PARTNER, _EQUAL = "without a score", "without a stored answer", "without a partner", "equal"


def add_run(store: Store, run: RunInfo, plan: Plan, *, now: float | None = None) -> Added:
    """Draw items of one evaluation of a run, and add them to the queue as a batch.

    Raises:
        SettingsError: the evaluation has no such scores, or nothing of it can be reviewed.
        ReviewError: the same answers are in the queue already, for a form of the same kind.
    """
    _check_new(store, run, plan)
    sets = [each for each in store.score_sets(run.run_id) if each.evaluation_id == plan.evaluation_id]
    left_out: Counter[str] = Counter()
    items = (
        _pairs(store, run, sets, plan, left_out) if plan.form.is_pair else _singles(store, run, sets, plan, left_out)
    )
    if not items:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has no scores"
        raise SettingsError(f"Run {run.run_id}: nothing of {plan.evaluation_id} can be reviewed: {reasons}.")
    judged = np.array([np.nan if item.judge_score is None else item.judge_score for item in items])
    weights = drawing.interest(judged, _spread(items, store, sets, plan))
    drawn = drawing.draw(weights, plan.expected, np.random.default_rng(plan.seed))
    batch = Batch(
        id=secrets.token_hex(4),
        created=time.time() if now is None else now,
        evaluation_id=plan.evaluation_id,
        form=plan.form,
        metric=plan.metric,
        run_id=run.run_id,
        source={
            "drawing": "uncertainty × disagreement",
            "floor": drawing.FLOOR,
            "seed": plan.seed,
            "population": len(items),
            "expected": plan.expected,
            "left_out": dict(left_out),
        },
    )
    chosen = [
        replace(items[number], batch_id=batch.id, position=position, probability=probability)
        for position, (number, probability) in enumerate(
            zip(drawn.order.tolist(), drawn.probabilities.tolist(), strict=True)
        )
    ]
    store.review.add_batch(batch, chosen)
    return Added(batch, len(chosen), len(items), dict(left_out))


def _check_new(store: Store, run: RunInfo, plan: Plan) -> None:
    for batch in store.review.batches():
        known = (batch.run_id, batch.evaluation_id, batch.metric, batch.form.kind)
        if known == (run.run_id, plan.evaluation_id, plan.metric, plan.form.kind):
            raise ReviewError(
                f"The queue holds {plan.evaluation_id} of run {run.run_id} already, as batch {batch.id}; "
                f"`steelyard review status {batch.id}` tells how far it is."
            )


def _rows(store: Store, sets: Sequence[ScoreSet], plan: Plan, role: Role) -> list[ScoreRow]:
    """All scores of a version, by case and sample."""
    own = [each for each in sets if each.metric == plan.metric and each.role == role]
    return [row for each in own for row in store.scores_of(each, store.score_array(each).case_ids)]


def _singles(store: Store, run: RunInfo, sets: Sequence[ScoreSet], plan: Plan, left_out: Counter[str]) -> list[Item]:
    rows = [row for role in plan.roles for row in _rows(store, sets, plan, role)]
    answers = _Answers(store, run, rows)
    items = []
    for row in rows:
        answer = answers.of(row)
        if row.value is None or answer is None:
            left_out[_NO_SCORE if row.value is None else _NO_ANSWER] += 1
            continue
        items.append(_item(row, (answer,), answers.question(row, plan), plan, _bounded(row.value)))
    return items


def _pairs(store: Store, run: RunInfo, sets: Sequence[ScoreSet], plan: Plan, left_out: Counter[str]) -> list[Item]:
    """Answers of candidate and baseline to the same case. The question is the baseline's, the known version's."""
    ours, theirs = (_rows(store, sets, plan, role) for role in ("candidate", "baseline"))
    answers = _Answers(store, run, [*ours, *theirs])
    partners = {(row.case_id, row.sample_index): row for row in theirs}
    if not theirs:
        raise SettingsError(
            f"Run {run.run_id} has no scores of a baseline in {plan.evaluation_id}, so that there are no pairs. Review "
            "single answers, or run the gate with --baseline."
        )
    items = []
    for row in ours:
        other = partners.get((row.case_id, row.sample_index))
        if other is None:
            left_out[_NO_PARTNER] += 1
            continue
        first, second = answers.of(row), answers.of(other)
        if first is None or second is None:
            left_out[_NO_ANSWER] += 1
        elif first.text == second.text:
            left_out[_EQUAL] += 1
        else:
            items.append(_item(row, (first, second), answers.question(other, plan), plan, _preferred(row, other)))
    return items


def _item(row: ScoreRow, answers: tuple[Answer, ...], messages: Messages, plan: Plan, score: float | None) -> Item:
    return Item(
        id=secrets.token_hex(8),
        batch_id="",
        case_id=row.case_id,
        messages=messages,
        answers=answers,
        wanted=plan.overlap,
        judge_score=score,
    )


def _bounded(value: float) -> float | None:
    """A score in [0, 1]; None of a measure, which a label can't be held against."""
    return value if 0 <= value <= 1 else None


def _preferred(row: ScoreRow, other: ScoreRow) -> float | None:
    """Which of two scores is higher: 1, 0.5 or 0."""
    if row.value is None or other.value is None:
        return None
    return 0.5 + 0.5 * ((row.value > other.value) - (row.value < other.value))


class _Answers:
    """The stored answers that scores were given for."""

    def __init__(self, store: Store, run: RunInfo, rows: Iterable[ScoreRow]) -> None:
        keys = {row.sample_key for row in rows if row.sample_key is not None}
        self._run = run
        self._samples = store.find(keys)
        self._requests = {key: store.request(key) for key in self._samples}

    def of(self, row: ScoreRow) -> Answer | None:
        """The answer, or None where the body asked nothing, or the sample was pruned."""
        version = self._run.spec.get(row.role) or {}
        index = int(version.get("first_index", 0)) + row.sample_index
        sample = self._samples.get(row.sample_key or b"", {}).get(index)
        if sample is None:
            return None
        return Answer(sample.text, version.get("name"), row.fingerprint, row.sample_key, row.sample_index)

    def question(self, row: ScoreRow, plan: Plan) -> Messages:
        """What was asked, as messages."""
        request: Request | None = self._requests.get(row.sample_key or b"")
        if request is None:
            return ()
        asked: Messages = request.messages or ({"role": "user", "content": request.prompt or ""},)
        return tuple(message for message in asked if plan.show_system or message.get("role") != "system")


def _spread(items: Sequence[Item], store: Store, sets: Sequence[ScoreSet], plan: Plan) -> FloatArray:
    """Of each item the range of its case's scores, over samples and versions."""
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for each in sets:
        if each.metric == plan.metric:
            array = store.score_array(each)
            for case_id, values in zip(array.case_ids, array.values, strict=True):
                given = values[~np.isnan(values)]
                if len(given):
                    lowest[case_id] = min(lowest.get(case_id, np.inf), float(given.min()))
                    highest[case_id] = max(highest.get(case_id, -np.inf), float(given.max()))
    return np.array([highest.get(item.case_id, 0.0) - lowest.get(item.case_id, 0.0) for item in items])
