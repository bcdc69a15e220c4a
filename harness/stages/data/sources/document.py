"""A document as a source gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import CorpusError, shortened


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document before any step has seen it.

    Attributes:
        id: its own, or the place where it stands.
        is_html: whether the text is a page of HTML.
        url: its address, where the source says it.
        metadata: all that the source says of it beside.
        place: where it stands, in words: "web/a.jsonl, row 12".
    """

    id: str
    text: str
    is_html: bool = False
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


def row_document(row: Any, name: str, number: int) -> SourceDocument:
    """The document that a row of a table is.

    Args:
        row: `text` or `html`, `id` and `url`; all else is metadata, as are the items of a table named `metadata`.
        name: of the file, as messages and ids name it.
        number: of the row, counted from 1.

    Raises:
        CorpusError: it has no text, or a field of another kind.
    """
    place = f"{name}, row {number}"
    if not isinstance(row, Mapping):
        raise CorpusError(
            f'{place}: {shortened(row)} is no object; write one a row, such as {{"id": "a", "text": "…"}}.'
        )
    rest = dict(row)
    given = [field for field in ("text", "html") if rest.get(field) is not None]
    if len(given) != 1:
        has = "both `text` and `html`; leave one out" if given else f"neither `text` nor `html`; {_fields(rest)}"
        raise CorpusError(f"{place}: {_named(rest)} has {has}.")
    texts = {field: _text(rest.pop(field, None), field, row, place) for field in ("text", "html", "url")}
    own = rest.pop("id", None)
    if own is not None and (isinstance(own, bool) or not isinstance(own, str | int) or own == ""):
        raise CorpusError(f"{place}: id = {shortened(own)} is neither a text nor a whole number; write one, or no id.")
    inner = rest.pop("metadata", None)
    metadata = (
        {**inner, **rest} if isinstance(inner, Mapping) else rest if inner is None else {**rest, "metadata": inner}
    )
    url = texts["url"] or (metadata.pop("url", None) if isinstance(metadata.get("url"), str) else None)
    return SourceDocument(
        id=f"{name}/{number}" if own is None else str(own),
        text=str(texts[given[0]]),
        is_html=given[0] == "html",
        url=url,
        metadata=metadata,
        place=place,
    )


def one_line(error: Exception) -> str:
    """The beginning of what an error says, on one line."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


def _text(value: Any, field: str, row: Mapping[str, Any], place: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise CorpusError(
            f"{place}: {field} of {_named(row)} is {shortened(value)}, not a text; write it in quotes, or leave the "
            "row out."
        )
    return value


def _named(row: Mapping[str, Any]) -> str:
    return f"document {shortened(row['id'])}" if row.get("id") is not None else "the document"


def _fields(row: Mapping[str, Any]) -> str:
    return f"its fields are {', '.join(map(str, row))}" if row else "it has no fields"
