"""CSV: a row for each label, or for each item that has none, to be filled in with a spreadsheet."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, astuple, replace
from typing import Any

from harness.errors import ReviewFileError
from harness.records.review import Form, Value
from harness.records.tool_calls import words_of
from harness.review.exchange.json_lines import form_of, item_of, label_of, said
from harness.review.exchange.sharing import GivenLabel, SharedItem

_ITEM = ("item", "evaluation", "case", "question", "answer", "other_answer", "reference")
_LABEL = ("reviewer", "value", "note", "time", "adjudicated")
_REST = ("wanted", "form", "messages", "hidden")
_EXCLUDED = ("excluded_by", "excluded_because", "excluded_at")
COLUMNS = (*_ITEM, *_LABEL, *_REST, *_EXCLUDED)

# A spreadsheet runs a cell that begins like this as a formula: https://owasp.org/www-community/attacks/CSV_Injection
# Some begin a row at each CR or LF, quoted or not, and a cell at each
# semicolon or tab, which separate cells for many.
_SIGNS = "=+\\-@\\t"
_FORMULA = re.compile(rf"(?:\A|(?<=[\r\n;\t]))(?='*[{_SIGNS}])|\A(?='*[\r\n])")
_GUARDED = re.compile(rf"(?:\A|(?<=[\r\n;\t]))'(?='*[{_SIGNS}])|\A'(?='*[\r\n])")

_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")
_WHOLE = re.compile(r"([+-]?[0-9]{1,9})(?:[.,]0*)?")


def write(shared: Sequence[SharedItem]) -> str:
    """The items with their labels as rows. A text that a spreadsheet would run as a formula gets an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for each in shared:
        for label in each.labels or (None,):
            writer.writerow({name: guarded_cell(value) for name, value in _row(each, label).items()})
    return out.getvalue()


def _row(shared: SharedItem, label: GivenLabel | None) -> dict[str, Any]:
    answer, other = (*shared.answers, "")[:2]
    row = {
        "item": shared.item.id,
        "evaluation": shared.evaluation_id,
        "case": shared.item.case_id,
        "question": "\n\n".join(map(words_of, shared.item.messages)),
        "answer": answer,
        "other_answer": other,
        "reference": "" if shared.item.reference is None else shared.item.reference,
        "wanted": shared.item.wanted,
        "form": json.dumps(asdict(shared.form)),
        "messages": json.dumps([dict(message) for message in shared.item.messages]),
        "hidden": "" if shared.hidden is None else json.dumps(dict(shared.hidden)),
    }
    if shared.excluded is not None:
        row |= dict(zip(_EXCLUDED, map(str, astuple(shared.excluded)), strict=True))
    if label is not None:
        row |= {**asdict(label), "time": repr(label.time), "adjudicated": "yes" if label.adjudicated else ""}
    return row


def read(text: str) -> list[SharedItem]:
    """The items of a text; rows of one item are its labels, and a row without a value is none.

    Raises:
        ReviewFileError: with the row.
    """
    head = text.partition("\n")[0]
    # Spreadsheets write semicolons or tabs where a comma is the decimal sign.
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = [name for name in ("item", "value", "form") if name not in (reader.fieldnames or ())]
    if missing:
        raise ReviewFileError(f"The table lacks the column {', '.join(missing)}; its columns are those of an export.")
    found: dict[str, SharedItem] = {}
    for number, row in enumerate(reader, 2):
        try:
            cells = {name: _unguarded(cell or "") for name, cell in row.items() if name is not None}
            own = replace(_item(cells), place=f"Row {number}")
            item = found.setdefault(own.item.id, own)
            if (own.item.case_id, own.answers, own.form) != (item.item.case_id, item.answers, item.form):
                raise ReviewFileError(f"Item {own.item.id} has another case, answer or form in {item.place.lower()}.")
            if cells["value"].strip():
                found[own.item.id] = replace(item, labels=(*item.labels, _label(cells, item.form)))
        except (ReviewFileError, ValueError, KeyError, TypeError) as error:
            raise ReviewFileError(f"Row {number} is no item with a label: {said(error)}") from None
    return list(found.values())


def _item(cells: dict[str, str]) -> SharedItem:
    form = form_of(json.loads(cells["form"]))
    wanted = cells.get("wanted") or "1"
    messages = (
        json.loads(cells["messages"]) if cells.get("messages") else [{"role": "user", "content": cells["question"]}]
    )
    answers = (cells["answer"], cells["other_answer"]) if form.is_pair else (cells["answer"],)
    return item_of(
        {
            **{name: cells[name] for name in ("item", "evaluation", "case")},
            "form": asdict(form),
            "messages": messages,
            "answers": answers,
            "reference": cells.get("reference") or None,
            "wanted": int(whole[1]) if (whole := _WHOLE.fullmatch(wanted.strip())) else wanted,
        }
    )


def _label(cells: dict[str, str], form: Form) -> GivenLabel:
    time: Any = cells.get("time", "").strip() or 0.0
    with contextlib.suppress(ValueError):
        time = float(time)
    adjudicated = cells.get("adjudicated", "").strip().casefold()
    if adjudicated not in _YES + _NO:
        raise ReviewFileError(f"its column adjudicated is {adjudicated[:80]!r}. Write yes, or leave it empty.")
    return label_of(
        {
            "reviewer": cells.get("reviewer", "").strip(),
            "value": _value(cells["value"], form),
            "note": cells.get("note", ""),
            "time": time,
            "adjudicated": adjudicated in _YES,
        }
    )


def _value(text: str, form: Form) -> Value:
    """A label that came as text, as the form's kind of value; a spreadsheet may have written a whole number as 3.0."""
    if form.is_pair:
        return text.strip()
    whole = _WHOLE.fullmatch(text.strip())
    return int(whole[1]) if whole else text


def guarded_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs: a line of text that begins like a formula gets an apostrophe in front.

    >>> [guarded_cell(each) for each in ("=1+1", "1 + 1", "a\\r=1+1", -1.5)]
    ["'=1+1", '1 + 1', "a\\r'=1+1", -1.5]
    """
    return _FORMULA.sub("'", value) if isinstance(value, str) else value


def _unguarded(cell: str) -> str:
    return _GUARDED.sub("", cell)
