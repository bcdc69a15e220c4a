"""Argilla's JSON: what `dataset.records.to_json` writes and `from_json` reads.

After `Record.to_dict` of Argilla 2 (https://docs.argilla.io/latest/reference/argilla/records/records/): a list of
records with `id`, `fields`, `metadata`, `suggestions` (a value each), `responses` (a list of value and user_id each),
`vectors` and `_server_id`. The question is named `label`, a text question beside it `note`. Users are UUIDs there: a
reviewer is the one made from the name, and the names are in the metadata, as is what else a label
has: that it is an adjudication, its time and note. A user has one response to a question there. That file has no place
for the status of a response, so that drafts can't be told from what was submitted; where a record has one all the same,
drafts and what was discarded count for nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.records.review import Form
from harness.review.exchange.json_lines import item_fields, item_of, judged_values, listed
from harness.review.exchange.sharing import SharedItem
from harness.review.exchange.table import value_of
from harness.review.views import GivenLabel

_UNSENT = ("draft", "discarded")
LABEL, NOTE = "label", "note"
_OWN = "steelyard"
_NAMESPACE = uuid.UUID("5e6b6f2e-53d5-5a39-9c0c-7374656c7964")


def user_id(reviewer: str) -> str:
    """The UUID that stands for a reviewer."""
    return str(uuid.uuid5(_NAMESPACE, reviewer))


def write(shared: Sequence[SharedItem]) -> str:
    """The items as records."""
    return json.dumps([_record(each) for each in shared], indent=1) + "\n"


def _record(shared: SharedItem) -> dict[str, Any]:
    sides = ("left", "right") if shared.form.is_pair else ("answer",)
    fields = {"question": shared.question, **dict(zip(sides, shared.answers, strict=True))}
    if shared.reference is not None:
        fields["reference"] = shared.reference
    own = {name: value for name, value in item_fields(shared).items() if name not in ("item", "labels", "answers")}
    responses: dict[str, Any] = {}
    counting, further = _one_each(shared.labels)
    details = [{name: value for name, value in asdict(each).items() if name != "value"} for each in counting]
    kept = {**own, "labels": details, **({"further": [asdict(each) for each in further]} if further else {})}
    metadata = {"case": shared.case_id, _OWN: json.dumps(kept)}
    for label in counting:
        responses.setdefault(LABEL, []).append({"value": label.value, "user_id": user_id(label.reviewer)})
        if label.note:
            responses.setdefault(NOTE, []).append({"value": label.note, "user_id": user_id(label.reviewer)})
    return {
        "id": shared.item_id,
        "fields": fields,
        "metadata": metadata,
        "suggestions": _suggestions(shared),
        "responses": responses,
        "vectors": {},
        "_server_id": None,
    }


def _one_each(labels: Sequence[GivenLabel]) -> tuple[list[GivenLabel], list[GivenLabel]]:
    """The label of each reviewer that counts, and the others: Argilla keeps one response of a user to a question.

    Who adjudicated an item after labelling it responds with what settled it; the label goes with the metadata.
    """
    last = {label.reviewer: label for label in sorted(labels, key=lambda each: each.adjudicated)}
    counting = [label for label in labels if last[label.reviewer] is label]
    return counting, [label for label in labels if last[label.reviewer] is not label]


def _suggestions(shared: SharedItem) -> dict[str, Any]:
    judged = (shared.hidden or {}).get("judge_score")
    same = [] if judged is None else judged_values(shared, judged)
    return {LABEL: {"value": same[0], "score": judged, "agent": "judge"}} if same else {}


def read(text: str) -> list[SharedItem]:
    """The items of records that Argilla wrote, with their responses.

    Raises:
        ReviewFileError: with the record.
    """
    return listed(text, "Record", "The file is no list of records; write it with dataset.records.to_json.", _item)


def _item(record: Mapping[str, Any]) -> SharedItem:
    own, fields = json.loads(record["metadata"][_OWN]), record["fields"]
    is_pair = own["form"]["kind"] == "preference"
    answers = [fields["left"], fields["right"]] if is_pair else [fields["answer"]]
    details, further = own.pop("labels", []), own.pop("further", [])
    item = item_of({**own, "item": record["id"], "answers": answers})
    labels = _labels(record.get("responses", {}), details, item.form)
    return item_of({**item_fields(item), "labels": [*further, *labels]})


def _labels(responses: Mapping[str, Any], details: Sequence[Mapping[str, Any]], form: Form) -> list[dict[str, Any]]:
    """The responses; who gave those that Steelyard exported, when and with what note, is in the metadata."""
    notes = {str(response["user_id"]): str(response["value"]) for response in responses.get(NOTE, ())}
    known: dict[str, list[Mapping[str, Any]]] = {}
    for detail in details:
        known.setdefault(user_id(detail["reviewer"]), []).append(detail)
    found = []
    for response in responses.get(LABEL, ()):
        who, value = str(response["user_id"]), response["value"]
        if response.get("status") in _UNSENT:
            continue
        detail = known[who].pop(0) if known.get(who) else {"reviewer": who, "note": notes.get(who, "")}
        found.append({**detail, "value": value_of(value, form) if isinstance(value, str) else value})
    return found
