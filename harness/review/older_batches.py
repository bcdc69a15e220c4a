"""Answers of batches that were filled before tool calls were kept with them: what the store has of their calls."""

from __future__ import annotations

from dataclasses import replace

from harness.records.review import Answer, Item
from harness.store import Store

NOT_KEPT = "(only a tool call; not kept in this batch)"


def with_calls_of_store(store: Store, item: Item) -> Item:
    """The item to be shown: an answer without any text has the calls that the store has of its sample."""
    if not any(_is_bare(answer) for answer in item.answers):
        return item
    return replace(item, answers=tuple(_looked_up(store, answer) for answer in item.answers))


def _is_bare(answer: Answer) -> bool:
    return answer.text == "" and answer.calls_from is None and answer.sample_key is not None


def _looked_up(store: Store, answer: Answer) -> Answer:
    """A batch does not say where the samples of its run began, so that the key alone is known for certain."""
    if not _is_bare(answer) or answer.sample_key is None:
        return answer
    samples = store.find([answer.sample_key]).get(answer.sample_key, {}).values()
    told = {sample.said if sample.tool_calls else "" for sample in samples if not sample.text}
    if not told or "" in told:
        return answer
    return replace(answer, text=told.pop() if len(told) == 1 else NOT_KEPT, calls_from=0)
