"""Labels that a gate's batch lacks, and another batch has of the same answers."""

from __future__ import annotations

from harness.records.review import Batch, Item
from harness.records.tool_calls import words_of
from harness.store import Store

_TURNS = ("user", "assistant", "tool")


def labelled_before(store: Store, batch: Batch) -> str | None:
    """The items that wait though another batch has a label of the same answer, in words; None where none does.

    Where cases came or went a gate fills a batch of its own. A label of another one counts there once it is imported,
    and never unasked.
    """
    items, standings = store.review.items_and_standings(batch.id)
    waiting = {_said_of(item) for item in items if standings[item.id].state == "open"}
    n_waiting = len(waiting)
    others: list[str] = []
    for other in reversed(store.review.batches()) if batch.closed is None else ():
        about = (other.evaluation_id, other.metric, other.form)
        if waiting and other.id != batch.id and about == (batch.evaluation_id, batch.metric, batch.form):
            before, done = store.review.items_and_standings(other.id)
            known = waiting & {_said_of(item) for item in before if done[item.id].state == "done"}
            waiting -= known
            others += [other.id] if known else []
    n_known = n_waiting - len(waiting)
    if not n_known:
        return None
    have = "item that waits has a label" if n_known == 1 else "items that wait have labels"
    where = f"{'batch' if len(others) == 1 else 'the batches'} {' and '.join(others)}"
    return (
        f"{n_known:,} {have} of the same answer in {where}, which can be imported: "
        f"`steelyard review export {others[0]} --unblind` (the guide, Recorded labels)"
    )


def _said_of(item: Item) -> tuple[object, ...]:
    """What a label of an item is about: the case, and the answers to a question, whenever they were drawn.

    Fields of the case, which stand beside the question in items of late, have roles of their own.
    """
    asked = [words_of(message) for message in item.messages if message.get("role") in _TURNS]
    return (item.case_id, *asked, *(answer.text for answer in item.answers))
