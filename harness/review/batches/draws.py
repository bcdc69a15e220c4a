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
from harness.records.review import FINAL_STATES, Batch, Item
from harness.review.batches.population import Population, ReviewPlan, populations
from harness.statistics.labels.drawing import LEAST_DOUBT, Items, Randomness, draw_randomness, next_draw, shown
from harness.statistics.labels.draws import Draw, DrawnLabels, LabelQuestion
from harness.statistics.labels.evidence import evidence
from harness.store import RunInfo, Store

Mode = Literal["uncertain", "failures", "all"]

AHEAD = 20
"""Items that wait for a label at any time, beside those that reviewers have before the eyes or fetched ahead."""

_ANY = ("utf-8", "surrogatepass")
_MOST_BEYOND = 5 * AHEAD
_MOST_DOUBT = 1.8


@dataclass(frozen=True, slots=True)
class JudgedCases:
    """The judged cases that a batch is drawn from.

    Attributes:
        populations: answers of each version, or the pairs of both.
        items: the same as the drawing looks at them.
        is_whole: whether every case is drawn.
        key: of what is reviewed: the same for the same samples, evaluation, metric and form.
        left_out: how many answers can't be reviewed, by the reason.
    """

    plan: ReviewPlan
    populations: tuple[Population, ...]
    cases: tuple[str, ...]
    items: Items
    is_whole: bool
    key: str
    left_out: Mapping[str, int]

    def of_size(self, n_cases: int) -> JudgedCases:
        """The same with as many cases, like those that there are."""
        if n_cases == len(self.cases):
            return self
        rows = np.arange(n_cases) % len(self.cases)
        randomness, items = draw_randomness([str(row) for row in range(n_cases)], 0), self.items
        if self.is_whole:
            randomness = Randomness(randomness.order, np.zeros(n_cases), randomness.picks)
        doubt = items.doubt[rows] if items.least_doubt < 1 else None
        like = Items([scores[rows] for scores in items.scores], randomness, items.same[rows], doubt)
        return replace(self, cases=tuple(self.cases[row] for row in rows), items=like)


def subject_of(store: Store, run: RunInfo, plan: ReviewPlan, mode: Mode) -> JudgedCases:
    """The judged cases of one evaluation of a run, and how likely each is to be drawn.

    "uncertain" draws where people may say this or that given the judge's score; "failures" more often, of two such
    cases, the one with the lower score, up to nine times; "all" draws every case.

    Raises:
        SettingsError: nothing of it can be reviewed.
    """
    sources = populations(store, run, plan)
    cases = tuple(sorted(set.intersection(*(set(each.cases) for each in sources))))
    left_out = dict(sorted(sum((Counter(each.left_out) for each in sources), Counter()).items()))
    if not cases:
        lack = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has no scores"
        raise SettingsError(f"nothing of {plan.evaluation_id} can be reviewed: {lack}")
    randomness = draw_randomness(cases, 0)
    if mode == "all":
        randomness = Randomness(randomness.order, np.zeros(len(cases)), randomness.picks)
    tables, same, doubt = [each.table(cases) for each in sources], None, None
    if plan.form.is_pair or len(sources) == 2:
        answers = [
            [each.items[case, int(at)].answers for case, at in zip(cases, shown(table, randomness), strict=True)]
            for each, table in zip(sources, tables, strict=True)
        ]
        sides = answers[0] if plan.form.is_pair else [(one[0], other[0]) for one, other in zip(*answers, strict=True)]
        same = np.array([one.text == other.text for one, other in sides], dtype=np.bool_)
    if mode == "failures":
        lowest = np.min([np.nanmean(scores, axis=1) for scores in tables], axis=0)
        doubt = _MOST_DOUBT - (_MOST_DOUBT - LEAST_DOUBT) * lowest
    digest = hashlib.sha256()
    about = (plan.evaluation_id, plan.metric, plan.form.kind, plan.form.rubric, *plan.roles)
    digest.update("\0".join(map(str, about)).encode(*_ANY))
    for each in sources:
        for (case, sample), item in sorted(each.items.items()):
            digest.update(f"\0{case}\0{sample}\0".encode(*_ANY) + _identity(item))
    items = Items(tables, randomness, same, doubt)
    return JudgedCases(plan, sources, cases, items, mode == "all", digest.hexdigest(), left_out)


@dataclass(frozen=True, slots=True)
class DrawLedger(DrawnLabels):
    """The draws of a batch in their order, with what people said of them.

    Attributes:
        n_items: items of the batch; `n_open` wait for a label.
        n_held: of the open ones, how many reviewers have before the eyes.
        is_skipped: whether somebody skipped the first item without a label.
    """

    n_items: int = 0
    n_open: int = 0
    n_held: int = 0
    is_skipped: bool = False


def read_ledger(store: Store, batch: Batch, n_versions: int) -> DrawLedger:
    """The draws and labels of a batch as the store has them."""
    items, standings = store.review.items_and_standings(batch.id)
    draws: list[Draw] = []
    labels: list[list[float]] = []
    excluded: list[list[bool]] = []
    for together in _draws_of(items, n_versions):
        draws.append(Draw.restored(together[0].draw or {}))
        standing = [standings[item.id] for item in together]
        labels.append([np.nan if each.score is None else each.score for each in standing])
        excluded.append([each.state == "excluded" for each in standing])
    first = next((item.id for item in items if standings[item.id].state not in FINAL_STATES), None)
    return replace(
        DrawLedger.of(draws, labels, excluded or False, n_versions),
        n_items=len(items),
        n_open=sum(standing.state == "open" for standing in standings.values()),
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
    if ledger.n_counting < len(ledger.draws):
        return ledger
    draw = next_draw(subject.items, ledger, questions)
    return ledger if draw is None or draw.case is not None else ledger.also(draw, [np.nan] * len(subject.populations))


def further_items(
    subject: JudgedCases, ledger: DrawLedger, questions: Sequence[LabelQuestion], batch_id: str
) -> list[Item]:
    """The items that a batch wants so that enough wait for their labels; none where no case is left.

    Where the first item without a label is stuck, drawing on soon ends: labels beyond it do not count. It ends sooner
    where somebody skipped it, who is offered it again once nothing else is left.
    """
    n_waiting = (len(ledger.draws) - ledger.n_counting) * len(subject.populations)
    room = ledger.n_held + min(AHEAD - ledger.n_open, (AHEAD if ledger.is_skipped else _MOST_BEYOND) - n_waiting)
    known = [evidence(ledger, question.of) for question in questions]
    items = list[Item]()
    while len(items) < room:
        draw = next_draw(subject.items, ledger, questions, known)
        if draw is None or draw.case is None:
            break
        if subject.is_whole:
            draw = replace(draw, probability=1.0)
        ledger = ledger.also(draw, [np.nan] * len(subject.populations))
        items += _items_of(subject, draw)
    return [replace(item, batch_id=batch_id, position=ledger.n_items + at) for at, item in enumerate(items)]


def _items_of(subject: JudgedCases, draw: Draw) -> list[Item]:
    """An item of each version, with its place in `populations`; their order does not tell which is whose."""
    assert draw.case is not None
    case, stored = subject.cases[draw.case], asdict(draw)
    items = [
        replace(population.items[case, sample], probability=draw.probability, draw={**stored, "version": version})
        for version, (population, sample) in enumerate(zip(subject.populations, draw.samples, strict=True))
    ]
    # A random order, always the same, which only those can tell who know the samples' keys.
    return sorted(items, key=lambda item: hashlib.sha256(f"{case}\0".encode(*_ANY) + _identity(item)).digest())


def _identity(item: Item) -> bytes:
    """The keys of the samples that an item's answers are; of one without a key, its text."""
    return b"".join(answer.sample_key or answer.text.encode(*_ANY) for answer in item.answers)
