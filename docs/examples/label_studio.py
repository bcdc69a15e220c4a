"""Brings items of a review to Label Studio, and what people said there back, with the ids of the items.

    steelyard review export 1f0c -o items.jsonl
    python label_studio.py tasks items.jsonl tasks.json     # import tasks.json into a project of Label Studio
    python label_studio.py labels export.json labels.jsonl  # the project's export as JSON
    steelyard review import labels.jsonl

The labeling interface shows `$question` and `$answer` (of a pair `$left` and `$right`), and takes the value by a
control named "label" with the choices of the form; a text area named "note" is a note.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def task_of(item: dict[str, Any]) -> dict[str, Any]:
    """A task of Label Studio; the whole item goes along in its data."""
    question = "\n\n".join(str(message.get("content") or "") for message in item["messages"])
    sides = ("left", "right") if item["form"]["kind"] == "preference" else ("answer",)
    shown = dict(zip(sides, item["answers"], strict=True))
    return {"data": {"question": question, **shown, "reference": item.get("reference") or "", "steelyard": item}}


def item_of(task: dict[str, Any]) -> dict[str, Any]:
    """The item of a task, with the annotations that nobody cancelled as its labels."""
    item = task["data"]["steelyard"]
    is_scale = item["form"]["kind"] == "scale"
    labels = []
    for annotation in task.get("annotations", ()):
        given = {result["from_name"]: result["value"] for result in annotation["result"]}
        if annotation.get("was_cancelled") or "label" not in given:
            continue
        value = given["label"]["choices"][0]
        who = annotation.get("completed_by")
        label = {"reviewer": who["email"] if isinstance(who, dict) else f"label-studio-{who}"}
        label |= {"value": int(value) if is_scale else value, "note": " ".join(given.get("note", {}).get("text", ()))}
        if "created_at" in annotation:
            label["time"] = datetime.fromisoformat(annotation["created_at"]).timestamp()
        labels.append(label)
    return {**item, "labels": labels}


def main(what: str, source: Path, target: Path) -> None:
    text = source.read_text("utf-8")
    if what == "tasks":
        target.write_text(json.dumps([task_of(json.loads(line)) for line in text.splitlines()], indent=1), "utf-8")
    else:
        target.write_text("".join(f"{json.dumps(item_of(task))}\n" for task in json.loads(text)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
