"""A batch that a gate decides by: the judged cases of its run, its draws with their labels, and the items to come."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np

from harness.errors import SettingsError
from harness.records import MOST_DISAGREEMENT
from harness.records.review import SETTLED, Batch, Item
from harness.review.batches.material import JudgeMaterial
from harness.review.batches.plans import ReviewPlan
from harness.review.batches.population import Population, pairs, singles
from harness.statistics.arrays import BoolArray, FloatArray, IntArray
from harness.statistics.labels.drawing import LEAST_DOUBT, Items, Lots, cast_lots, next_draw, shown
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.statistics.labels.labelled import evidence
from harness.store import RunInfo, Store

Mode = Literal["uncertain", "failures", "all"]

AHEAD = 20
"""Items that wait for a label at any time, beside those that reviewers have before the eyes or fetched ahead."""

_MOST_BEYOND = 5 * AHEAD
_TIE = 0.5
_LEAST_DOUBT, _MOST_DOUBT = 0.2, 1.8
_USUAL = MOST_DISAGREEMENT / 2
_AGREED = 0.5


@dataclass(frozen=True, slots=True)
class JudgedCases:
    """The judged cases that a batch is drawn from.

    Attributes:
        found: answers of each version, or the pairs of both.
        items: the same as the drawing looks at them.
        is_whole: whether every case is drawn.
        key: of what is reviewed: the same for the same samples, evaluation, metric and form.
        left_out: how many answers can't be reviewed, by the reason.
    """

    plan: ReviewPlan
    found: tuple[Population, ...]
    cases: tuple[str, ...]
    items: Items
    is_whole: bool
    key: str
    left_out: Mapping[str, int]

    def is_known(self, draw: Draw) -> bool:
        """Tell whether nobody needs to be asked: both answers of a pair are the same."""
        if draw.case is None or not self.plan.form.is_pair:
            return False
        first, second = self.found[0].items[self.cases[draw.case], draw.samples[0]].answers
        return first.text == second.text


def subject_of(store: Store, run: RunInfo, plan: ReviewPlan, mode: Mode) -> JudgedCases:
    """The judged cases of one evaluation of a run, and how likely each is to be drawn.

    "uncertain" draws where people may say this or that given the judge's score, and more often where the opinions that
    it is the mean of differ; "failures" more often, of two such cases, the one with the lower score, up to nine times;
    "all" draws every case.

    Raises:
        SettingsError: nothing of it can be reviewed.
    """
    found = (pairs(store, run, plan),) if plan.form.is_pair else tuple(singles(store, run, plan, r) for r in plan.roles)
    cases = tuple(sorted(set.intersection(*(set(each.cases) for each in found))))
    left_out = dict(sorted(sum((Counter(each.left_out) for each in found), Counter()).items()))
    if not cases:
        lack = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has no scores"
        raise SettingsError(f"nothing of {plan.evaluation_id} can be reviewed: {lack}")
    material = JudgeMaterial(store, run, plan, [item for each in found for item in each.items.values()])
    found = tuple(replace(each, material=material) for each in found)
    lots = cast_lots(cases, 0)
    if mode == "all":
        lots = Lots(lots.order, np.zeros(len(cases)), lots.picks)
    items = _judged_items(found, cases, lots)
    if mode == "failures":
        lowest = np.min([np.nanmean(scores, axis=1) for scores in items.scores], axis=0)
        doubt = _MOST_DOUBT - (_MOST_DOUBT - _LEAST_DOUBT) * lowest
        baseline = items.scores[1] if len(items.scores) == 2 else None
        items = Items(items.scores[0], lots, baseline, items.same, np.maximum(items.doubt * doubt, LEAST_DOUBT))
    return JudgedCases(plan, found, cases, items, mode == "all", _key(plan, found), left_out)


def _judged_items(found: Sequence[Population], cases: Sequence[str], lots: Lots) -> Items:
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


def _key(plan: ReviewPlan, found: Sequence[Population]) -> str:
    digest = hashlib.sha256()
    about = (plan.evaluation_id, plan.metric, plan.form.kind, plan.form.rubric, *plan.roles)
    digest.update("\0".join(map(str, about)).encode("utf-8", "surrogatepass"))
    for each in found:
        for (case, sample), item in sorted(each.items.items()):
            keys = b"".join(answer.sample_key or b"" for answer in item.answers)
            digest.update(f"\0{case}\0{sample}\0".encode("utf-8", "surrogatepass") + keys)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class DrawLedger:
    """The draws of a batch in their order, with what people said of them.

    Attributes:
        labels: (n_draws, n_versions), NaN where they are not in. In place of the label of an excluded item stands what
            was expected of it.
        excluded: (n_draws, n_versions) whether the item is excluded.
        n_items: items of the batch; `n_open` wait for a label, `n_stuck` are disputed or flagged.
        n_held: of the open ones, how many reviewers have before the eyes.
        is_skipped: whether somebody skipped the first item without a label.
    """

    draws: tuple[Draw, ...]
    labels: FloatArray
    excluded: BoolArray
    n_items: int
    n_open: int
    n_stuck: int
    n_held: int = 0
    is_skipped: bool = False

    @property
    def is_complete(self) -> bool:
        """True where every draw has its labels."""
        return not bool(np.isnan(self.labels).any())

    @property
    def n_waiting(self) -> int:
        """Draws from the first one without a label on: what comes after it does not count yet."""
        missing = np.flatnonzero(np.isnan(self.labels).any(axis=1))
        return len(self.draws) - int(missing[0]) if len(missing) else 0


def read_ledger(store: Store, batch: Batch, n_versions: int) -> DrawLedger:
    """The draws and labels of a batch as the store has them."""
    items, standings = store.review.items_and_standings(batch.id)
    draws: list[Draw] = []
    labels: list[list[float]] = []
    excluded: list[list[bool]] = []
    for together in _draws_of(items, n_versions):
        stored = dict(together[0].draw or {})
        stored.pop("version", None)
        for known in stored.pop("before", ()):
            draws.append(Draw.restored(known))
            labels.append([_TIE] * n_versions)
            excluded.append([False] * n_versions)
        draws.append(Draw.restored(stored))
        excluded.append([standings[item.id].state == "excluded" for item in together])
        scores = [
            draws[-1].predicted[version] if excluded[-1][version] else standings[item.id].score
            for version, item in enumerate(together)
        ]
        labels.append([np.nan if score is None else score for score in scores])
    states = [standing.state for standing in standings.values()]
    first = next((item.id for item in items if standings[item.id].state not in SETTLED), None)
    return DrawLedger(
        draws=tuple(draws),
        labels=np.array(labels, dtype=np.float64).reshape(len(draws), n_versions),
        excluded=np.array(excluded, dtype=np.bool_).reshape(len(draws), n_versions),
        n_items=len(items),
        n_open=states.count("open"),
        n_stuck=states.count("disputed") + states.count("flagged"),
        n_held=sum(store.review.holders(batch.id, time.time()).values()),
        is_skipped=first in store.review.skipped(batch.id),
    )


def _draws_of(items: Sequence[Item], n_versions: int) -> Iterator[list[Item]]:
    """The items of each draw, one of each version in the order of the versions. A case is drawn once."""
    drawn: dict[str, dict[int, Item]] = {}
    for item in items:
        assert item.draw is not None
        drawn.setdefault(item.case_id, {}).setdefault(item.draw["version"], item)
    for of_case in drawn.values():
        if len(of_case) == n_versions:
            yield [of_case[version] for version in range(n_versions)]


def to_the_end(subject: JudgedCases, ledger: DrawLedger, questions: Sequence[LabelQuestion]) -> DrawLedger:
    """The ledger with the cases that nobody is asked about any more, where all others had their turn and labels."""
    if not ledger.is_complete:
        return ledger
    walk = _Walk(subject, questions, ledger)
    if walk.next() is not None:
        return ledger
    labels = walk.array()
    further = np.zeros((len(labels) - len(ledger.excluded), labels.shape[1]), dtype=np.bool_)
    return replace(ledger, draws=tuple(walk.draws), labels=labels, excluded=np.concatenate([ledger.excluded, further]))


def further_items(
    subject: JudgedCases, ledger: DrawLedger, questions: Sequence[LabelQuestion], batch_id: str
) -> list[Item]:
    """The items that a batch wants so that enough wait for their labels; none where no case is left.

    Where the first item without a label is stuck, drawing on soon ends: labels beyond it do not count. It ends sooner
    where somebody skipped it, who is offered it again once nothing else is left.
    """
    n_versions = len(subject.items.scores)
    most_beyond = AHEAD if ledger.is_skipped else _MOST_BEYOND
    room = ledger.n_held + min(AHEAD - ledger.n_open, most_beyond - ledger.n_waiting * n_versions)
    walk = _Walk(subject, questions, ledger)
    items: list[Item] = []
    while len(items) < room:
        found = walk.next()
        if found is None:
            break
        draw, before = found
        stored = {"before": [asdict(each) for each in before]} if before else {}
        for item in _items_of(subject, draw):
            position = ledger.n_items + len(items)
            items.append(replace(item, batch_id=batch_id, position=position, draw={**(item.draw or {}), **stored}))
    return items


def _items_of(subject: JudgedCases, draw: Draw) -> list[Item]:
    """An item of each version, with its place in `found` beside the draw; their order does not tell which is whose."""
    assert draw.case is not None
    case, stored = subject.cases[draw.case], asdict(draw)
    items = [
        replace(found.item(case, sample), probability=draw.probability, draw={**stored, "version": version})
        for version, (found, sample) in enumerate(zip(subject.found, draw.samples, strict=True))
    ]
    return sorted(items, key=_lot)


def _lot(item: Item) -> bytes:
    """A random number for an item, always the same, which only those can tell who know the samples' keys."""
    keys = b"".join(answer.sample_key or b"" for answer in item.answers)
    return hashlib.sha256(item.case_id.encode("utf-8", "surrogatepass") + b"\0" + keys).digest()


class _Walk:
    """Draws one after the other, beyond those that there are."""

    def __init__(self, subject: JudgedCases, questions: Sequence[LabelQuestion], ledger: DrawLedger) -> None:
        self._subject = subject
        self._questions = questions
        self._is_over = False
        self._known = [evidence(ledger.draws, ledger.labels, question.of) for question in questions]
        self.draws = list(ledger.draws)
        self._labels = ledger.labels.tolist()

    def array(self) -> FloatArray:
        """Labels of the draws, NaN for those that were made here and want some."""
        return np.array(self._labels, dtype=np.float64).reshape(len(self.draws), len(self._subject.items.scores))

    def next(self) -> tuple[Draw, list[Draw]] | None:
        """The next draw that people are asked about, and those before it that they need not be; None at the end."""
        before: list[Draw] = []
        while not self._is_over:
            draw = next_draw(self._subject.items, self.draws, self.array(), self._questions, self._known)
            if draw is None:
                self._is_over = True
                break
            if self._subject.is_whole and draw.case is not None:
                draw = replace(draw, probability=1.0)
            self.draws.append(draw)
            known = draw.case is None or self._subject.is_known(draw)
            self._labels.append([_TIE if known else np.nan] * len(self._subject.items.scores))
            self._is_over = draw.case is None
            if not known:
                return draw, before
            before.append(draw)
        return None
