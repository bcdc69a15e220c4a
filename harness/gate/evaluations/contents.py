"""Short digests of what a case holds and of what a body asked, by which a later run knows them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.records import Case, Request, Verdict

_SIZE_BYTES = 8
MOST_CHARACTERS = 100
"""A field with a longer text is told as a digest alone, with all others."""


def content_digest(case: Case) -> str | None:
    """A digest of all fields of a case; None where one of them has no JSON form that stays the same.

    >>> content_digest(Case({"id": "peru", "prompt": "Capital of Peru?"}))
    '6f6d24be565f7721'
    """
    try:
        return _digest(case.fields)
    except (TypeError, ValueError, RecursionError):
        return None


def settled_digest(case: Case) -> str:
    """A digest of all fields of a case; of what has no JSON form that stays the same, the type alone.

    >>> settled_digest(Case({"id": "peru", "prompt": "Capital of Peru?"}))
    '6f6d24be565f7721'
    """
    return content_digest(case) or _digest({name: _form(value) for name, value in case.fields.items()})


def _form(value: Any) -> str:
    try:
        return _LENIENT.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _type(value)


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _plain_or_type(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return _type(value)


def question_digest(request: Request | None) -> str | None:
    """A digest of what a request asks, without the system text, which is the version's own; None for no request."""
    if request is None:
        return None
    messages = [
        [message.get("role"), message.get("content")] for message in request.messages if message.get("role") != "system"
    ]
    asked: Mapping[str, Any] = {
        "messages": messages,
        "prompt": request.prompt,
        "continuation": request.continuation,
    }
    try:
        return _digest(asked)
    except (TypeError, ValueError, RecursionError):
        return None


def with_contents(verdict: Verdict, cases: Sequence[Case], asked: Mapping[int, str | None]) -> Verdict:
    """The verdict with the digests of its cases, and with their short fields.

    Args:
        cases: of the evaluation.
        asked: digests of what was asked, by the number of the case.
    """
    numbers = {case.id: number for number, case in enumerate(cases)}
    told = []
    for each in verdict.cases:
        case = cases[numbers[each.id]]
        known = {"content": content_digest(case), "asked": asked.get(numbers[each.id]), "fields": short_fields(case)}
        told.append(replace(each, **known))  # type: ignore[arg-type]
    return replace(verdict, cases=tuple(told))


def short_fields(case: Case) -> Mapping[str, Any] | None:
    """The fields of a case by which one groups cases: numbers, truth values and short texts; None where it has none.

    >>> short_fields(Case({"id": "peru", "topic": "capitals", "hard": True, "passages": ["…"]}))
    {'topic': 'capitals', 'hard': True}
    """
    found = {}
    for name in case:
        value = case[name]
        value = value.item() if getattr(value, "shape", None) == () else value
        is_short = isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MOST_CHARACTERS)
        if is_short and name != "id":
            found[name] = value
    return found or None


def _digest(content: Any) -> str:
    return hashlib.blake2b(_ENCODER.encode(content).encode("ascii"), digest_size=_SIZE_BYTES).hexdigest()


def plain(value: Any) -> Any:
    """Turn what data sets hold beside JSON into JSON: arrays and numbers of numpy, dates, bytes."""
    for method in ("tolist", "isoformat", "hex"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=plain)
_LENIENT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain_or_type)
