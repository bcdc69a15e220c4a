"""JSON lines: one item on each, whole, and checked when it is read, for anything may stand in a file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness.errors import ReviewFileError
from harness.records.review import PREFERENCES, Form, LabelChoice
from harness.review.exchange.sharing import SharedItem
from harness.review.views import GivenLabel

MOST_WANTED = 50
"""The most labels that an item may want."""

_LAST_SECOND = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes."""

_ID = re.compile(r"[!-~]{1,32}")
Check = tuple[Callable[[Any], bool], str]
"""What a field must be, and what to write in words."""


def write(shared: Sequence[SharedItem]) -> str:
    """The items, a line each; `labels`, `excluded` and `hidden` only where there are some."""
    return "".join(f"{json.dumps(_fields(each))}\n" for each in shared)


def _fields(shared: SharedItem) -> dict[str, Any]:
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
    """The items of a text, without what is hidden in it.

    Raises:
        ReviewFileError: with the line.
    """
    return list(_items(text))


def _items(text: str) -> Iterator[SharedItem]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield replace(item_of(json.loads(line)), place=f"Line {number}")
            except (ReviewFileError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise ReviewFileError(f"Line {number} is no item: {said(error)}") from None


def said(error: Exception) -> str:
    """Say what is wrong in words."""
    return f"it lacks {error}." if isinstance(error, KeyError) else str(error)


def item_of(fields: Any) -> SharedItem:
    """The item of its JSON.

    Raises:
        ReviewFileError: a field is not what it should be.
        KeyError: one is missing.
    """
    if not isinstance(fields, Mapping):
        raise ReviewFileError(f"{_shown(fields)} is no JSON object.")
    for name, check in _ITEM.items():
        _check(name, fields[name], check)
    given = {"reference": None, "wanted": 1, "labels": (), **fields}
    for name, check in _OPTIONAL.items():
        _check(name, given[name], check)
    return SharedItem(
        item_id=fields["item"],
        evaluation_id=fields["evaluation"],
        case_id=fields["case"],
        form=form_of(fields["form"]),
        messages=tuple(dict(message) for message in fields["messages"]),
        answers=tuple(fields["answers"]),
        reference=given["reference"],
        wanted=given["wanted"],
        labels=tuple(map(label_of, given["labels"])),
    )


def label_of(fields: Mapping[str, Any]) -> GivenLabel:
    """The label of its JSON.

    Raises:
        ReviewFileError: with the field, its value, and what to write.
        KeyError: it has no value.
    """
    for name, value in {"value": fields["value"], **fields}.items():
        if name not in _LABEL:
            raise ReviewFileError(f"a label has no field {name!r}; its fields: {', '.join(_LABEL)}.")
        _check(f"label's {name}", value, _LABEL[name])
    return GivenLabel(**{"reviewer": "", **fields})


def form_of(fields: Any) -> Form:
    """The form that a file holds.

    Raises:
        ReviewFileError: it is none.
    """
    try:
        choices = tuple(LabelChoice(**choice) for choice in fields.get("choices", ()))
        form = Form(**{**fields, "choices": choices})
        if form.kind not in ("scale", "preference") or not choices:
            raise ValueError(f"kind {form.kind!r} with {len(choices)} choices")
        for choice in choices:
            _check_choice(form, choice)
    except (AttributeError, TypeError, ValueError) as error:
        raise ReviewFileError(f"The form of an item can't be understood: {error}.") from None
    return form


def _check_choice(form: Form, choice: LabelChoice) -> None:
    if choice.score is not None and not (type(choice.score) in (int, float) and 0 <= choice.score <= 1):
        raise ValueError(f"{choice.value!r} counts for {choice.score!r}, which is no number in [0, 1]")
    if form.is_pair and choice not in PREFERENCES:
        raise ValueError(f"{choice.value!r} is no preference; those are left, tie and right")
    if not form.is_pair and type(choice.value) is not int:
        raise ValueError(f"{choice.value!r} is no whole number, as those of a scale are")


def _check(name: str, value: Any, check: Check) -> None:
    fits, what = check
    if not fits(value):
        raise ReviewFileError(f"its {name} is {_shown(value)}. Write {what}.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list | tuple) and all(map(fits, value))


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and _is_text(value.get("role"))
        and isinstance(value.get("content"), str | list | None)
    )


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _LAST_SECOND


_TEXT: Check = (_is_text, "a text")
_ITEM: Mapping[str, Check] = {
    "item": (
        lambda value: _is_text(value) and _ID.fullmatch(value) is not None,
        "an id of 1 to 32 printable ASCII characters without spaces",
    ),
    "evaluation": _TEXT,
    "case": _TEXT,
    "messages": (
        lambda value: _is_list(value, _is_message),
        'messages such as [{"role": "user", "content": "Why?"}]',
    ),
    "answers": (lambda value: _is_list(value, _is_text), "a list of texts"),
}
_OPTIONAL: Mapping[str, Check] = {
    "reference": (lambda value: value is None or _is_text(value), "a text or null"),
    "wanted": (
        lambda value: type(value) is int and 1 <= value <= MOST_WANTED,
        f"a whole number from 1 to {MOST_WANTED}",
    ),
    "labels": (
        lambda value: _is_list(value, lambda each: isinstance(each, Mapping)),
        "a list of objects",
    ),
}
_LABEL: Mapping[str, Check] = {
    "reviewer": (_is_text, "a name"),
    "value": (lambda value: isinstance(value, str | int), "a value of the form"),
    "note": _TEXT,
    "time": (_is_time, "seconds since 1970, such as 1764000000.5, or leave it out"),
    "adjudicated": (lambda value: isinstance(value, bool), "true or false"),
}


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
