"""Items as tasks of Label Studio, and its exports."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.records.review import Form
from harness.review import Queue
from harness.review.exchange import FORMATS
from harness.review.exchange.label_studio import labeling_config
from harness.store import Store
from tests.review.conftest import FORMS, SCALE, AddBatch
from tests.review.exchange.queues import label_some, share


def test_label_studio_gets_tasks_in_its_format(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """The keys of https://labelstud.io/guide/task_format, with results of the tags of the labeling configuration."""
    add_batch(2, wanted=2, judge_score=0.75)
    label_some(queue, "scale")
    task = json.loads(FORMATS["label-studio"].write(share(store, unblind=True)))[0]
    assert set(task) == {"data", "annotations", "predictions"}
    assert task["data"]["answer"] == "candidate's answer 0"
    annotation = task["annotations"][0]
    assert annotation["completed_by"] == {"email": "ann"}
    assert annotation["created_at"] == "2027-01-15T08:00:00Z"
    assert {key: annotation["result"][0][key] for key in ("from_name", "to_name", "type", "value")} == {
        "from_name": "label",
        "to_name": "answer",
        "type": "choices",
        "value": {"choices": ["4"]},
    }
    assert task["predictions"][0]["score"] == 0.75
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["4"]}


@pytest.mark.service
@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.kind)
def test_the_labeling_configuration_names_what_the_tasks_hold(store: Store, add_batch: AddBatch, form: Form) -> None:
    add_batch(1, form)
    (task,) = json.loads(FORMATS["label-studio"].write(share(store, unblind=False)))
    view = ElementTree.fromstring(labeling_config(form, has_reference=True))
    shown = [each.get("value", "").removeprefix("$") for each in view.iter("Text")]
    assert set(shown) == set(task["data"]) - {"steelyard"}
    controls = [each for each in view if each.get("toName")]
    assert {each.get("name") for each in controls} == {"label", "note"}
    assert {each.get("toName") for each in controls} <= {each.get("name") for each in view.iter("Text")}
    assert [each.get("value") for each in view.iter("Choice")] == [str(choice.value) for choice in form.choices]


def test_a_task_without_a_reference_beside_one_that_has_it_shows_an_empty_one(
    store: Store, add_batch: AddBatch
) -> None:
    """Label Studio refuses tasks that lack what its configuration shows."""
    add_batch(2)
    first, second = share(store, unblind=False)
    mixed = [replace(first, reference=None), second]
    tasks = json.loads(FORMATS["label-studio"].write(mixed))
    assert [task["data"]["reference"] for task in tasks] == ["", "reference 1"]
    assert FORMATS["label-studio"].read(json.dumps(tasks)) == [
        replace(each, place=f"Task {n}") for n, each in enumerate(mixed, 1)
    ]
    (task, _) = json.loads(FORMATS["label-studio"].write([replace(each, reference=None) for each in mixed]))
    assert "reference" not in task["data"]
    assert "reference" not in labeling_config(SCALE)


def test_what_label_studio_adds_to_its_export_is_understood(store: Store, add_batch: AddBatch) -> None:
    """An export has ids, cancelled annotations, users as numbers and texts as lists."""
    add_batch(2)
    tasks = json.loads(FORMATS["label-studio"].write(share(store, unblind=False)))
    result = {"id": "Dx_aB91ISN", "from_name": "label", "to_name": "answer", "type": "choices", "origin": "manual"}
    note = {"id": "n", "from_name": "note", "to_name": "answer", "type": "textarea", "value": {"text": ["one", "two"]}}
    tasks[0] |= {"id": 7, "project": 83, "predictions": [], "drafts": []}
    tasks[0]["annotations"] = [
        {
            "id": 1001,
            "completed_by": 10,
            "result": [{**result, "value": {"choices": ["2"]}}, note],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2021-03-09T22:16:08.728353Z",
            "lead_time": 4.288,
        }
    ]
    tasks[1]["annotations"] = [{"id": 1002, "completed_by": 10, "result": [], "was_cancelled": True}]
    first, second = FORMATS["label-studio"].read(json.dumps(tasks))
    assert [(each.reviewer, each.value, each.note) for each in first.labels] == [("label-studio-10", 2, "one\ntwo")]
    assert first.labels[0].time == 1615328168.728353
    assert second.labels == ()
