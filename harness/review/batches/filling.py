"""From a stored run to items of the review queue."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.records import MOST_DISAGREEMENT
from harness.records.review import Item
from harness.review.batches.material import JudgeMaterial
from harness.review.batches.plans import ReviewPlan
from harness.review.batches.population import Population, pairs, singles
from harness.statistics.arrays import BoolArray, FloatArray, IntArray
from harness.statistics.labels.drawing import Items, Lots, shown
from harness.statistics.labels.draws import Draw
from harness.store import RunInfo, Store

_USUAL = MOST_DISAGREEMENT / 2
_AGREED = 0.5


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
