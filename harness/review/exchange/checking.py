"""Checks what a file holds of an item: anything may stand in a file that somebody edited."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import ReviewFileError
from harness.records.review import PREFERENCES, Form, LabelChoice

MOST_WANTED = 50
"""The most labels that an item may want."""

_LAST_SECOND = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes."""

_ID = re.compile(r"[!-~]+")


def form_of(fields: Any) -> Form:
    """The form that a file holds.

    Raises:
        ReviewFileError: it is none.
    """
    try:
        choices = tuple(LabelChoice(**choice) for choice in fields.get("choices", ()))
        form = Form(**{**fields, "choices": choices})
        if form.kind not in ("scale", "categories", "text", "preference") or (form.kind != "text" and not choices):
            raise ValueError(f"kind {form.kind!r} with {len(choices)} choices")
        for choice in choices:
            _check_choice(form, choice)
    except (AttributeError, TypeError, ValueError) as error:
        raise ReviewFileError(f"The form of an item can't be understood: {error}.") from None
    return form


def _check_choice(form: Form, choice: LabelChoice) -> None:
    if choice.score is not None and not is_share(choice.score):
        raise ValueError(f"{choice.value!r} counts for {choice.score!r}, which is no number in [0, 1]")
    if type(choice.value) is not (int if form.kind == "scale" else str):
        raise ValueError(f"{choice.value!r} is no value of a form of kind {form.kind!r}")
    if form.is_pair and choice not in PREFERENCES:
        raise ValueError(f"{choice.value!r} is no preference; those are left, tie and right")


def is_share(value: Any) -> bool:
    """Tell whether a value is a number in [0, 1]."""
    return type(value) in (int, float) and 0 <= value <= 1


def check_item(fields: Any) -> None:
    """Check the JSON of an item, but for its form and the values of its labels.

    Raises:
        ReviewFileError: with the field, its value, and what to write.
        KeyError: a field is missing.
    """
    if not isinstance(fields, Mapping):
        raise ReviewFileError(f"{_shown(fields)} is no JSON object.")
    _check("item", fields["item"], _is_id, "an id of 1 to 32 printable ASCII characters without spaces")
    for name in ("evaluation", "case"):
        _check(name, fields[name], _is_text, "a text")
    _check("messages", fields["messages"], _is_messages, 'messages such as [{"role": "user", "content": "Why?"}]')
    _check("answers", fields["answers"], lambda value: _is_list(value, _is_text), "a list of texts")
    _check("reference", fields.get("reference"), lambda value: value is None or _is_text(value), "a text or null")
    wanted = fields.get("wanted", 1)
    is_wanted = type(wanted) is int and 1 <= wanted <= MOST_WANTED
    _check("wanted", wanted, lambda _: is_wanted, f"a whole number from 1 to {MOST_WANTED}")
    hidden = fields.get("hidden")
    _check("hidden", hidden, lambda value: value is None or isinstance(value, Mapping), "an object or null")
    run = (hidden or {}).get("run")
    _check("hidden run", run, lambda value: value is None or _is_id(value, 64), "a run's id or null")
    _check("excluded", fields.get("excluded"), _is_exclusion, "null, or an object with reviewer, reason and time")
    labels = fields.get("labels", ())
    _check("labels", labels, lambda value: _is_list(value, lambda each: isinstance(each, Mapping)), "a list of objects")
    for label in labels:
        check_label(label)


_LABEL: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "reviewer": (lambda value: _is_text(value), "a name"),
    "value": (lambda value: isinstance(value, str | int), "a value of the form"),
    "note": (lambda value: _is_text(value), "a text"),
    "time": (lambda value: _is_time(value), "seconds since 1970, such as 1764000000.5, or leave it out"),
    "adjudicated": (lambda value: isinstance(value, bool), "true or false"),
}


def check_label(label: Mapping[str, Any]) -> None:
    """Check the JSON of a label.

    Raises:
        ReviewFileError: with the field, its value, and what to write.
        KeyError: it has no value.
    """
    for name, value in {"value": label["value"], **label}.items():
        if name not in _LABEL:
            raise ReviewFileError(f"a label has no field {name!r}; its fields: {', '.join(_LABEL)}.")
        fits, what = _LABEL[name]
        _check(f"label's {name}", value, fits, what)


def _check(name: str, value: Any, fits: Callable[[Any], bool], what: str) -> None:
    if not fits(value):
        raise ReviewFileError(f"its {name} is {_shown(value)}. Write {what}.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_id(value: Any, longest: int = 32) -> bool:
    return isinstance(value, str) and len(value) <= longest and _ID.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _LAST_SECOND


def _is_exclusion(value: Any) -> bool:
    if value is None:
        return True
    is_whole = isinstance(value, Mapping) and set(value) == {"reviewer", "reason", "time"}
    return is_whole and _is_text(value["reviewer"]) and _is_text(value["reason"]) and _is_time(value["time"])


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list | tuple) and all(map(fits, value))


def _is_messages(value: Any) -> bool:
    return _is_list(
        value,
        lambda each: (
            isinstance(each, Mapping)
            and _is_text(each.get("role"))
            and isinstance(each.get("content"), str | list | None)
        ),
    )


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
