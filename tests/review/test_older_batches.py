"""Batches that were filled before tool calls were kept show the calls that the store has."""

from __future__ import annotations

import pytest

from harness.records import NewSample, Request, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.records.review import Answer, Batch, Item
from harness.review import Queue
from harness.store import Store
from tests.review.conftest import NOW, SCALE

pytestmark = pytest.mark.service

REQUEST = Request(messages=({"role": "user", "content": "Weather in Lima?"},))
KEY = KeyedQuestion(request_text("f0", REQUEST)).key(0)
SAID = 'tool call: look_up({"city": "Lima"})'


def sample(index: int, city: str | None) -> Sample:
    call = {"function": {"name": "look_up", "arguments": f'{{"city": "{city}"}}'}}
    return Sample("", index, tool_calls=None if city is None else (call,))


@pytest.mark.parametrize(
    ("cities", "calls"),
    [
        (["Lima"], SAID),
        (["Lima", "Lima"], SAID),
        (["Lima", "Cusco"], "(only a tool call; not kept in this batch)"),
        (["Lima", None], ""),
        ([], ""),
    ],
)
def test_an_empty_answer_of_an_older_batch_shows_its_calls(
    queue: Queue, store: Store, cities: list[str | None], calls: str
) -> None:
    store.add([NewSample(KEY, "f0", 0, REQUEST, sample(index, city)) for index, city in enumerate(cities)])
    item = Item("i1", "b1", "lima", REQUEST.messages, (Answer("", "v", "f0", KEY),))
    store.review.add_batch(Batch("b1", NOW, "e", SCALE), [item])
    view = queue.next("ann")
    assert view is not None
    assert (view.answers, view.calls) == (("",), (calls,))
    queue.label("ann", view.lease_id, 4, key="k")
    assert queue.reveal("ann", "i1").answers[0].text == calls
    assert store.review.item("i1") == item
