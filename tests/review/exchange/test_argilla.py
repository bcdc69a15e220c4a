"""Items as records of Argilla, and the responses to them."""

import json
import uuid

from harness.review import Queue
from harness.review.exchange import FORMATS
from harness.review.exchange.argilla import user_id
from harness.store import Store
from tests.review.conftest import AddBatch
from tests.review.exchange.queues import label_some, share


def test_argilla_gets_records_in_its_format(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """The keys of Record.to_dict of Argilla 2, with users as UUIDs."""
    add_batch(2, wanted=2, judge_score=0.75)
    label_some(queue, "scale")
    record, _ = json.loads(FORMATS["argilla"].write(share(store, unblind=True)))
    assert set(record) == {"id", "fields", "metadata", "suggestions", "responses", "vectors", "_server_id"}
    assert set(record["fields"]) == {"question", "answer", "reference"}
    assert record["responses"]["label"][0] == {"value": 4, "user_id": user_id("ann")}
    assert uuid.UUID(record["responses"]["label"][0]["user_id"])
    assert record["suggestions"] == {"label": {"value": 4, "score": 0.75, "agent": "judge"}}
    assert all(isinstance(value, str) for value in record["metadata"].values())


def test_who_labelled_and_settled_an_item_responds_once_in_argilla(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1, wanted=2)
    for reviewer, value in (("ann", 4), ("zoe", 2)):
        view = queue.next(reviewer)
        assert view is not None
        queue.label(reviewer, view.lease_id, value, key=reviewer)
    view = queue.next("zoe", task="adjudicate")
    assert view is not None
    queue.adjudicate("zoe", view.lease_id, 3, key="settled")
    (shared,) = share(store, unblind=True)
    text = FORMATS["argilla"].write([shared])
    responses = json.loads(text)[0]["responses"]["label"]
    assert [(each["user_id"], each["value"]) for each in responses] == [(user_id("ann"), 4), (user_id("zoe"), 3)]
    (again,) = FORMATS["argilla"].read(text)
    assert {(each.reviewer, each.value, each.adjudicated) for each in again.labels} == {
        ("ann", 4, False),
        ("zoe", 2, False),
        ("zoe", 3, True),
    }


def test_drafts_of_argilla_are_no_labels(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    records = json.loads(FORMATS["argilla"].write(share(store, unblind=False)))
    users = [str(uuid.uuid4()) for _ in range(3)]
    states = ("submitted", "draft", "discarded")
    responses = [{"value": 2, "user_id": user, "status": state} for user, state in zip(users, states, strict=True)]
    records[0]["responses"] = {"label": responses}
    (shared,) = FORMATS["argilla"].read(json.dumps(records))
    assert [each.reviewer for each in shared.labels] == users[:1]


def test_responses_that_people_gave_in_argilla_are_labels(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    records = json.loads(FORMATS["argilla"].write(share(store, unblind=False)))
    user = str(uuid.uuid4())
    records[0]["responses"] = {
        "label": [{"value": 2, "user_id": user}],
        "note": [{"value": "unclear", "user_id": user}],
    }
    records[0]["_server_id"] = str(uuid.uuid4())
    (shared,) = FORMATS["argilla"].read(json.dumps(records))
    assert [(each.reviewer, each.value, each.note) for each in shared.labels] == [(user, 2, "unclear")]
