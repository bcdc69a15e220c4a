"""The worth of an item's label that counts, for all that reckons with it."""

from __future__ import annotations

from harness.errors import ReviewError
from harness.records.review import Form, Item, Standing


def counted(form: Form, item: Item, standing: Standing) -> float | None:
    """The score of an item's label, in [0, 1]; None where none counts yet, or it counts for nothing.

    Raises:
        ReviewError: it is no such number, as in a store whose labels an earlier Steelyard took from a file unchecked.
    """
    score = standing.score if standing.state == "done" else None
    if score is None or 0 <= score <= 1:
        return score
    raise ReviewError(
        f"Batch {item.batch_id}, item {item.id} (case {item.case_id!r}): its label {standing.value!r} counts for "
        f"{score:.6g}, which is no score in [0, 1]; an earlier Steelyard took it from a file. {_way_out(form, item)}"
    )


def _way_out(form: Form, item: Item) -> str:
    if all(choice.score is None or 0 <= choice.score <= 1 for choice in form.choices):
        return (
            f"Settle the item anew: `steelyard review export {item.batch_id} -o items.jsonl`, keep its line, write "
            '"labels": [{"reviewer": NAME, "value": VALUE, "adjudicated": true}] there, and import the file.'
        )
    return (
        f"So does the batch's own form, which can't be changed: `steelyard review close {item.batch_id}`, export it, "
        "give each item another id and each choice a score in [0, 1], and import the file."
    )
