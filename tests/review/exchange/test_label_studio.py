"""The example that brings items to Label Studio and back keeps their ids, and what people said there counts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.review.exchange import import_items
from harness.store import Store
from tests.review.conftest import FORMS, NOW, AddBatch
from tests.review.exchange.queues import FORMATS, VALUES, share

SCRIPT = Path(__file__).parents[3] / "docs" / "examples" / "label_studio.py"


def convert(what: str, source: Path, target: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), what, str(source), str(target)], check=True)


@pytest.mark.parametrize("kind", FORMS)
def test_items_go_to_label_studio_and_come_back_with_labels(
    store: Store, add_batch: AddBatch, tmp_path: Path, kind: str
) -> None:
    items = add_batch(3, FORMS[kind])
    (tmp_path / "items.jsonl").write_text(FORMATS["jsonl"].write(share(store, unblind=False)), "utf-8")
    convert("tasks", tmp_path / "items.jsonl", tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    assert [task["data"]["question"] for task in tasks] == ["Question 0?", "Question 1?", "Question 2?"]
    value, other = VALUES[kind]
    label = {"from_name": "label", "to_name": "answer", "type": "choices", "value": {"choices": [str(value)]}}
    note = {"from_name": "note", "to_name": "answer", "type": "textarea", "value": {"text": ["why"]}}
    given = {"result": [label, note], "completed_by": {"id": 7, "email": "ann@x.org"}, "was_cancelled": False}
    cancelled = {"result": [label], "completed_by": 8, "was_cancelled": True}
    tasks[0]["annotations"] = [{**given, "created_at": "2026-11-27T10:00:00.5Z"}, cancelled]
    tasks[1]["annotations"] = [{"result": [{**label, "value": {"choices": [str(other)]}}], "completed_by": 7}]
    (tmp_path / "export.json").write_text(json.dumps(tasks), "utf-8")
    convert("labels", tmp_path / "export.json", tmp_path / "labels.jsonl")
    shared = FORMATS["jsonl"].read((tmp_path / "labels.jsonl").read_text("utf-8"))
    assert [import_items(store.review, shared, NOW).labels for _ in range(2)] == [2, 0]
    first, second = (store.review.events(item_id=item.id)[0] for item in items[:2])
    assert (first.reviewer, first.note, first.time) == ("ann@x.org", "why", 1795773600.5)
    assert second.reviewer == "label-studio-7"
    assert [store.review.standing(item.id).state for item in items] == ["done", "done", "open"]
