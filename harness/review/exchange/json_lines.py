"""JSON lines: one item on each, whole, and checked when it is read, for anything may stand in a file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness.errors import ReviewFileError
from harness.records.review import PREFERENCES, Answer, Form, Item, LabelChoice
from harness.review.exchange.sharing import GivenLabel, SharedItem

MOST_WANTED = 50
"""The most labels that an item may want."""

_LAST_SECOND = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes."""


def write(shared: Sequence[SharedItem]) -> str:
    """The items, a line each; `labels`, `excluded` and `hidden` only where there are some."""
    return "".join(f"{json.dumps(_fields(each))}\n" for each in shared)


def _fields(shared: SharedItem) -> dict[str, Any]:
    more = {
        "labels": [asdict(label) for label in shared.labels],
        "excluded": shared.excluded and asdict(shared.excluded),
        "hidden": shared.hidden and dict(shared.hidden),
    }
    return {
        "item": shared.item.id,
        "evaluation": shared.evaluation_id,
        "case": shared.item.case_id,
        "form": asdict(shared.form),
        "messages": [dict(message) for message in shared.item.messages],
        "answers": list(shared.answers),
        "reference": shared.item.reference,
        "wanted": shared.item.wanted,
        **{name: value for name, value in more.items() if value},
    }


def read(text: str) -> list[SharedItem]:
    """The items of a text, without what is hidden in it.

    Raises:
        ReviewFileError: with the line.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(replace(item_of(json.loads(line)), place=f"Line {number}"))
            except (ReviewFileError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise ReviewFileError(f"Line {number} is no item: {said(error)}") from None
    return found


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
    given = {"reference": None, "wanted": 1, "labels": (), **fields}
    for name in _ITEM:
        _check(name, given[name], _ITEM[name])
    messages, answers = tuple(map(dict, given["messages"])), tuple(map(Answer, given["answers"]))
    rest = messages, answers, given["reference"], given["wanted"]
    return SharedItem(
        item=Item(given["item"], "", given["case"], *rest),
        evaluation_id=given["evaluation"],
        form=form_of(given["form"]),
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
            value, score = choice.value, choice.score
            if score is not None and not (type(score) in (int, float) and 0 <= score <= 1):
                raise ValueError(f"{value!r} counts for {score!r}, which is no number in [0, 1]")
            if form.is_pair and choice not in PREFERENCES:
                raise ValueError(f"{value!r} is no preference; those are left, tie and right")
            if not form.is_pair and type(value) is not int:
                raise ValueError(f"{value!r} is no whole number, as those of a scale are")
    except (AttributeError, TypeError, ValueError) as error:
        raise ReviewFileError(f"The form of an item can't be understood: {error}.") from None
    return form


def _check(name: str, value: Any, check: tuple[Callable[[Any], bool], str]) -> None:
    fits, what = check
    if not fits(value):
        raise ReviewFileError(f"its {name} is {_shown(value)}. Write {what}.")


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(fits, value))


def _is_message(value: Any) -> bool:
    known = isinstance(value, Mapping) and isinstance(value.get("role"), str)
    return known and isinstance(value.get("content"), str | list | None)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _LAST_SECOND


_TEXT = (_is(str), "a text")
_ITEM: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "item": (
        lambda value: isinstance(value, str) and re.fullmatch("[!-~]{1,32}", value) is not None,
        "an id of 1 to 32 printable ASCII characters without spaces",
    ),
    "evaluation": _TEXT,
    "case": _TEXT,
    "messages": (_each(_is_message), 'messages such as [{"role": "user", "content": "Why?"}]'),
    "answers": (_each(_is(str)), "a list of texts"),
    "reference": (_is(str, type(None)), "a text or null"),
    "wanted": (lambda n: type(n) is int and 1 <= n <= MOST_WANTED, f"a whole number from 1 to {MOST_WANTED}"),
    "labels": (_each(_is(Mapping)), "a list of objects"),
}
"""What each field must be, and what to write in words."""
_LABEL: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "reviewer": (_is(str), "a name"),
    "value": (_is(str, int), "a value of the form"),
    "note": _TEXT,
    "time": (_is_time, "seconds since 1970, such as 1764000000.5, or leave it out"),
    "adjudicated": (_is(bool), "true or false"),
}


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
