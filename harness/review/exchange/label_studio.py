"""Label Studio's JSON: tasks with `data`, `annotations` and `predictions`.

After https://labelstud.io/guide/task_format (annotated tasks), https://labelstud.io/guide/predictions (predictions) and
https://labelstud.io/tags/choices and /tags/textarea (results). `labeling_config` is the project's configuration that
the names here belong to. Its Pairwise tag knows no tie, so that preferences are choices, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from harness.records.review import Form
from harness.review.exchange.json_lines import item_fields, item_of, judged_values, listed
from harness.review.exchange.sharing import SharedItem
from harness.review.exchange.table import value_of
from harness.review.views import GivenLabel

LABEL, NOTE, ANSWER, LEFT, RIGHT = "label", "note", "answer", "left", "right"
_OWN = "steelyard"
_ADJUDICATED = "ground_truth"


def write(shared: Sequence[SharedItem]) -> str:
    """The items as tasks. What Label Studio does not show is under `data.steelyard`, and comes back with an export."""
    has_reference = any(each.reference is not None for each in shared)
    return json.dumps([_task(each, has_reference=has_reference) for each in shared], indent=1) + "\n"


def _task(shared: SharedItem, *, has_reference: bool) -> dict[str, Any]:
    sides = (LEFT, RIGHT) if shared.form.is_pair else (ANSWER,)
    own = {name: value for name, value in item_fields(shared).items() if name not in ("labels", "answers")}
    data = {"question": shared.question, **dict(zip(sides, shared.answers, strict=True))}
    if has_reference:  # Label Studio refuses tasks that lack what its configuration shows
        data["reference"] = shared.reference or ""
    task: dict[str, Any] = {"data": {**data, _OWN: own}}
    if shared.labels:
        task["annotations"] = [_annotation(shared, number) for number in range(len(shared.labels))]
    judged = (shared.hidden or {}).get("judge_score")
    if judged is not None and not shared.form.is_pair:
        task["predictions"] = [{"model_version": "judge", "score": judged, "result": _prediction(shared, judged)}]
    return task


def _annotation(shared: SharedItem, number: int) -> dict[str, Any]:
    label = shared.labels[number]
    name = f"{shared.item_id}-{number}"
    result = [_result(shared.form, label.value, name)]
    if label.note:
        result.append(_text_result(label.note, NOTE, f"{name}-note", _shown_at(shared.form)))
    return {
        "result": result,
        "completed_by": {"email": label.reviewer},
        "was_cancelled": False,
        _ADJUDICATED: label.adjudicated,
        "created_at": datetime.fromtimestamp(label.time, UTC).isoformat().replace("+00:00", "Z"),
    }


def _prediction(shared: SharedItem, judged: float) -> list[dict[str, Any]]:
    """The judge's score as a value of the form, where it is exactly one."""
    return [_result(shared.form, value, f"{shared.item_id}-judge") for value in judged_values(shared, judged)]


def _result(form: Form, value: Any, name: str) -> dict[str, Any]:
    if form.kind == "text":
        return _text_result(str(value), LABEL, name, ANSWER)
    shown = {"id": name, "from_name": LABEL, "to_name": _shown_at(form), "type": "choices"}
    return {**shown, "value": {"choices": [str(value)]}}


def _text_result(text: str, from_name: str, name: str, to_name: str) -> dict[str, Any]:
    return {"id": name, "from_name": from_name, "to_name": to_name, "type": "textarea", "value": {"text": [text]}}


def _shown_at(form: Form) -> str:
    return LEFT if form.is_pair else ANSWER


def labeling_config(form: Form, *, has_reference: bool = False) -> str:
    """The project's labeling configuration that the tasks of a form go with, of which any may have a reference."""
    sides = (LEFT, RIGHT) if form.is_pair else (ANSWER,)
    shown = (*sides, "reference") if has_reference else sides
    texts = "\n".join(f'  <Text name="{each}" value="${each}"/>' for each in shown)
    if form.kind == "text":
        control = f'  <TextArea name="{LABEL}" toName="{ANSWER}" required="true"/>'
    else:
        choices = "\n".join(
            f"    <Choice value={quoteattr(str(choice.value))} hint={quoteattr(choice.meaning)}/>"
            for choice in form.choices
        )
        head = f'  <Choices name="{LABEL}" toName="{_shown_at(form)}" choice="single" required="true">'
        control = f"{head}\n{choices}\n  </Choices>"
    return (
        f'<View>\n  <Header value={quoteattr(form.title)}/>\n  <Text name="question" value="$question"/>\n'
        f'{texts}\n{control}\n  <TextArea name="{NOTE}" toName="{_shown_at(form)}"/>\n</View>\n'
    )


def read(text: str) -> list[SharedItem]:
    """The items of Label Studio's export, with the annotations that nobody cancelled.

    Raises:
        ReviewFileError: with the task.
    """
    return listed(text, "Task", "The file is no list of tasks; export the project as JSON, not as JSON-MIN.", _item)


def _item(task: Mapping[str, Any]) -> SharedItem:
    data = task["data"]
    own = data[_OWN]
    answers = [data[LEFT], data[RIGHT]] if own["form"]["kind"] == "preference" else [data[ANSWER]]
    item = item_of({**own, "answers": answers})
    labels = [_label(annotation, item.form) for annotation in task.get("annotations", ())]
    return item_of({**item_fields(item), "labels": [label for label in labels if label is not None]})


def _label(annotation: Mapping[str, Any], form: Form) -> dict[str, Any] | None:
    if annotation.get("was_cancelled"):
        return None
    given = {result["from_name"]: result["value"] for result in annotation["result"]}
    if LABEL not in given:
        return None
    value = given[LABEL]
    text = value["choices"][0] if "choices" in value else _joined(value["text"])
    created = annotation.get("created_at")
    time = 0.0 if created is None else datetime.fromisoformat(created).timestamp()
    label = GivenLabel(
        reviewer=_who(annotation.get("completed_by")),
        value=value_of(text, form),
        note=_joined(given[NOTE]["text"]) if NOTE in given else "",
        time=time,
        adjudicated=bool(annotation.get(_ADJUDICATED)),
    )
    return {name: getattr(label, name) for name in GivenLabel.__slots__}


def _joined(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else "\n".join(text)


def _who(completed_by: Any) -> str:
    """Label Studio's user: an address where the file has it, else the number of the user there."""
    if isinstance(completed_by, Mapping):
        return str(completed_by.get("email") or completed_by.get("id") or "")
    return "" if completed_by is None else f"label-studio-{completed_by}"
