"""JSONL: one item on each line, whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness.errors import ReviewFileError
from harness.records.review import Value
from harness.review.exchange.checking import check_item, form_of
from harness.review.exchange.sharing import SharedExclusion, SharedItem
from harness.review.views import GivenLabel


def write(shared: Sequence[SharedItem]) -> str:
    """The items, a line each."""
    return "".join(f"{json.dumps(item_fields(each))}\n" for each in shared)


def item_fields(shared: SharedItem) -> dict[str, Any]:
    """An item as JSON; `labels`, `excluded` and `hidden` only where there are some."""
    fields: dict[str, Any] = {
        "item": shared.item_id,
        "evaluation": shared.evaluation_id,
        "case": shared.case_id,
        "form": asdict(shared.form),
        "messages": [dict(message) for message in shared.messages],
        "answers": list(shared.answers),
        "reference": shared.reference,
        "wanted": shared.wanted,
    }
    if shared.labels:
        fields["labels"] = [asdict(label) for label in shared.labels]
    if shared.excluded is not None:
        fields["excluded"] = asdict(shared.excluded)
    if shared.hidden is not None:
        fields["hidden"] = dict(shared.hidden)
    return fields


def read(text: str) -> list[SharedItem]:
    """The items of a text.

    Raises:
        ReviewFileError: with the line.
    """
    return list(_items(text))


def _items(text: str) -> Iterator[SharedItem]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield replace(item_of(json.loads(line)), place=f"Line {number}")
            except (ReviewFileError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise ReviewFileError(f"Line {number} is no item: {said(error)}") from None


def listed(text: str, what: str, wrong: str, item: Callable[[Any], SharedItem]) -> list[SharedItem]:
    """The items of a JSON list of another tool's records.

    Args:
        what: one of them is called, such as "Task".
        wrong: what is said of a file that is no list.
        item: reads one.

    Raises:
        ReviewFileError: with the record's number.
    """
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReviewFileError(f"The file is no JSON: {error}") from None
    if not isinstance(records, list):
        raise ReviewFileError(wrong)
    found = []
    for number, record in enumerate(records, 1):
        try:
            found.append(replace(item(record), place=f"{what} {number}"))
        except (ReviewFileError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReviewFileError(f"{what} {number} is none that Steelyard exported: {said(error)}") from None
    return found


def judged_values(shared: SharedItem, judged: float) -> list[Value]:
    """The value of the form that is exactly the judge's score, where it has one; of several the first counts."""
    return [choice.value for choice in shared.form.choices if choice.score == judged][:1]


def said(error: Exception) -> str:
    """Say what is wrong in words."""
    return f"it lacks {error}." if isinstance(error, KeyError) else str(error)


def item_of(fields: dict[str, Any]) -> SharedItem:
    """The item of its JSON.

    Raises:
        ReviewFileError: a field is not what it should be.
        KeyError: one is missing.
    """
    check_item(fields)
    return SharedItem(
        item_id=fields["item"],
        evaluation_id=fields["evaluation"],
        case_id=fields["case"],
        form=form_of(fields["form"]),
        messages=tuple(dict(message) for message in fields["messages"]),
        answers=tuple(fields["answers"]),
        reference=fields.get("reference"),
        wanted=fields.get("wanted", 1),
        labels=tuple(GivenLabel(**{"reviewer": "", **label}) for label in fields.get("labels", ())),
        excluded=None if fields.get("excluded") is None else SharedExclusion(**fields["excluded"]),
        hidden=fields.get("hidden"),
    )
