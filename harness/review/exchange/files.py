"""Items as files: JSON lines, one item on each; or CSV, a row for each label, to be filled in with a spreadsheet."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from harness.errors import ReviewFileError, choices
from harness.records.review import PREFERENCES, Form
from harness.records.tool_calls import words_of
from harness.review.exchange.sharing import SharedItem

_LABEL = ("reviewer", "value", "note", "time", "adjudicated", "answers", "marks")
_ALWAYS = _LABEL[:5]
_AS_JSON = ("form", "messages", "hidden", "excluded", "answers", "marks")
COLUMNS = (
    "item",
    "evaluation",
    "case",
    "question",
    "answer",
    "other_answer",
    "reference",
    *_ALWAYS,
    "wanted",
    *_AS_JSON,
)

# A spreadsheet runs a cell that begins like this as a formula: https://owasp.org/www-community/attacks/CSV_Injection
# Some begin a row at each CR or LF, quoted or not, and a cell at each
# semicolon or tab, which separate cells for many.
_SIGNS = "=+\\-@\\t"
_FORMULA = re.compile(rf"(?:\A|(?<=[\r\n;\t]))(?='*[{_SIGNS}])|\A(?='*[\r\n])")
_GUARDED = re.compile(rf"(?:\A|(?<=[\r\n;\t]))'(?='*[{_SIGNS}])|\A'(?='*[\r\n])")
_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")
_WHOLE = re.compile(r"([+-]?[0-9]{1,9})(?:[.,]0*)?")


class ExchangeFormat(NamedTuple):
    """The way in which items become a file's text, and back."""

    write: Callable[[Sequence[SharedItem]], str]
    read: Callable[[str], list[SharedItem]]


def format_of(path: Path) -> ExchangeFormat:
    """The format of a file, by its suffix.

    Raises:
        ReviewFileError: it is none of them.
    """
    formats = {".jsonl": ExchangeFormat(_write_lines, _read_lines), ".csv": ExchangeFormat(_write_table, _read_table)}
    suffix = path.suffix.casefold()
    if suffix not in formats:
        raise ReviewFileError(f"{path}: {choices('format', suffix, formats)}")
    return formats[suffix]


@functools.cache
def _adapter() -> TypeAdapter[SharedItem]:
    return TypeAdapter(SharedItem)


def _fields(shared: SharedItem) -> dict[str, Any]:
    """An item as JSON takes it; `labels`, with `answers` and `marks`, `excluded` and `hidden` where there are some."""
    fields = asdict(shared)
    optional = {name: fields.pop(name) for name in ("excluded", "hidden")}
    labels = [{name: each for name, each in label.items() if name in _ALWAYS or each} for label in fields.pop("labels")]
    del fields["place"]
    return fields | {name: value for name, value in {"labels": labels, **optional}.items() if value}


def _read(fields: str, place: str) -> SharedItem:
    """The item of its JSON, without what is hidden in it.

    Raises:
        ReviewFileError: with the place, the field and its value.
    """
    try:
        shared = _adapter().validate_json(fields)
        _check(shared.form)
    except ValidationError as error:
        first = error.errors()[0]
        where, value = ".".join(map(str, first["loc"])), ascii(first["input"])
        value = "" if first["type"] in ("missing", "json_invalid") else f" = {value[:80]}"
        raise ReviewFileError(f"{place} is no item: {where or 'it'}{value}: {first['msg']}.") from None
    except ValueError as error:
        raise ReviewFileError(f"{place} is no item: its form can't be used: {error}.") from None
    return replace(shared, excluded=None, hidden=None, place=place)


def _check(form: Form) -> None:
    """Raise a ValueError for a form by which no label could count."""
    if not form.choices:
        raise ValueError("it has no choices")
    for choice in form.choices:
        if choice.score is not None and not 0 <= choice.score <= 1:
            raise ValueError(f"{choice.value!r} counts for {choice.score!r}, which is no number in [0, 1]")
        if form.is_pair and choice not in PREFERENCES:
            values = ", ".join(str(each.value) for each in PREFERENCES)
            raise ValueError(f"{choice.value!r} is no preference; those are {values}")
        if not form.is_pair and type(choice.value) is not int:
            raise ValueError(f"{choice.value!r} is no whole number, as those of a scale are")


def _write_lines(shared: Sequence[SharedItem]) -> str:
    return _sendable("".join(f"{json.dumps(_fields(each), ensure_ascii=False)}\n" for each in shared))


def _sendable(text: str) -> str:
    """A text without lone surrogates, which a model can write in JSON and no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def _read_lines(text: str) -> list[SharedItem]:
    lines = enumerate(text.split("\n"), 1)
    return [_read(line, f"Line {number}") for number, line in lines if line.strip()]


def _write_table(shared: Sequence[SharedItem]) -> str:
    """The items with their labels as rows. A text that a spreadsheet would run as a formula gets an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for each in shared:
        for row in _rows(each):
            writer.writerow({name: guarded_cell(value) for name, value in row.items()})
    return _sendable(out.getvalue())


def _rows(shared: SharedItem) -> Iterator[dict[str, Any]]:
    fields = _fields(shared)
    answer, other = (*fields.pop("answers"), "")[:2]
    question = "\n\n".join(map(words_of, shared.messages))
    for label in fields.pop("labels", [{}]):
        row = {**fields, **label, "question": question, "answer": answer, "other_answer": other}
        row |= {"time": repr(label["time"]), "adjudicated": "yes" if label["adjudicated"] else ""} if label else {}
        row |= {name: json.dumps(row[name], ensure_ascii=False) for name in _AS_JSON if name in row}
        yield {name: row[name] for name in COLUMNS if row.get(name) is not None}


def _read_table(text: str) -> list[SharedItem]:
    """The items of a text; rows of one item are its labels, and a row without a value is none."""
    head = text.partition("\n")[0]
    # Spreadsheets write semicolons or tabs where a comma is the decimal sign.
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = [name for name in ("item", "value", "form") if name not in (reader.fieldnames or ())]
    if missing:
        raise ReviewFileError(f"The table lacks the column {', '.join(missing)}; its columns are those of an export.")
    items: dict[str, SharedItem] = {}
    for number, row in enumerate(reader, 2):
        place = f"Row {number}"
        cells = {name: _GUARDED.sub("", cell or "") for name, cell in row.items() if name is not None}
        try:
            fields = _from_cells(cells)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ReviewFileError(f"{place} is no item: {what}.") from None
        own = _read(json.dumps(fields), place)
        item = items.setdefault(own.item, replace(own, labels=()))
        if (own.case, own.answers, own.form) != (item.case, item.answers, item.form):
            raise ReviewFileError(
                f"{place} is no item: {own.item} has another case, answer or form in {item.place.lower()}."
            )
        items[own.item] = replace(item, labels=(*item.labels, *own.labels))
    return list(items.values())


def _from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of an item with one label, or without one."""
    form = json.loads(cells["form"])
    is_pair, value = form.get("kind") == "preference", cells["value"].strip()
    asked = [{"role": "user", "content": cells.get("question", "")}]
    fields = {
        **{name: cells[name] for name in ("item", "evaluation", "case")},
        "form": form,
        "messages": json.loads(cells["messages"]) if cells.get("messages") else asked,
        "answers": [cells["answer"], cells["other_answer"]] if is_pair else [cells["answer"]],
        "reference": cells.get("reference") or None,
        "wanted": _number(cells.get("wanted", "").strip() or "1"),
    }
    if not value:
        return fields
    adjudicated, time = cells.get("adjudicated", "").strip().casefold(), cells.get("time", "").strip()
    if adjudicated not in _YES + _NO:
        raise ValueError(f"its column adjudicated is {adjudicated[:80]!r}; write yes, or leave it empty")
    label = {
        "reviewer": cells.get("reviewer", "").strip(),
        "value": value if is_pair else _number(value),
        "note": cells.get("note", ""),
        "time": float(time or 0),
        "adjudicated": adjudicated in _YES,
        "answers": json.loads(cells.get("answers") or "{}"),
        "marks": json.loads(cells.get("marks") or "[]"),
    }
    return {**fields, "labels": [label]}


def _number(text: str) -> int | str:
    """A whole number, which a spreadsheet may have written as 3.0; what is none stays as it is."""
    whole = _WHOLE.fullmatch(text)
    return int(whole[1]) if whole else text


def guarded_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs: a line of text that begins like a formula gets an apostrophe in front.

    >>> [guarded_cell(each) for each in ("=1+1", "1 + 1", "a\\r=1+1", -1.5)]
    ["'=1+1", '1 + 1', "a\\r'=1+1", -1.5]
    """
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
