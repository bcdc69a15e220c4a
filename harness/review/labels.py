"""Reads what people said of the answers of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.records import Role
from harness.records.review import Value
from harness.store import Store
from harness.store.review.events import counting

Part = Role | Literal["pair"]


@dataclass(frozen=True, slots=True)
class PersonsLabel:
    """A label that counts, with the answer that it is of: nobody took it back, and no later word replaces it.

    Attributes:
        part: whose answer it is of; "pair" for a preference between both answers.
        sample_index: which of the case's repeated samples.
        reviewer: who gave it; `is_adjudication` where it settles what others said.
        value: as it was given ("first" is the candidate's answer); `score` is what it counts for, in [0, 1].
        judge_score: what the judge or check gave the same answer, or None.
        time: epoch seconds.
    """

    batch_id: str
    evaluation_id: str
    metric: str
    case_id: str
    part: Part
    sample_index: int
    reviewer: str
    value: Value
    score: float | None
    judge_score: float | None
    note: str
    time: float
    is_adjudication: bool


def labels_of_run(store: Store, run_id: str, batch_ids: Iterable[str] = ()) -> list[PersonsLabel]:
    """The labels of a run's answers, in the order in which they were given.

    Args:
        run_id: of the run whose batches count.
        batch_ids: further batches, such as those that a report names: of the same samples under another run's name.
    """
    wanted, labels = set(batch_ids), []
    for batch in store.review.batches():
        if batch.run_id != run_id and batch.id not in wanted:
            continue
        items = {item.id: item for item in store.review.items(batch.id)}
        roles = tuple(batch.source.get("roles", ("candidate",)))
        for event in counting(store.review.events(batch_id=batch.id)):
            if event.value is None:
                continue
            item = items[event.item_id]
            part: Part = "pair" if batch.form.is_pair else roles[int((item.draw or {}).get("version", 0))]
            about = batch.id, batch.evaluation_id, batch.metric, item.case_id, part, item.answers[0].sample_index
            given = event.reviewer, event.value, event.score, item.judge_score, event.note, event.time
            labels.append(PersonsLabel(*about, *given, is_adjudication=event.kind == "adjudicate"))
    return sorted(labels, key=lambda each: each.time)
