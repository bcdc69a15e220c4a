"""Items as a table that people fill in with a spreadsheet."""

import csv
import io
import json
from dataclasses import replace

import pytest

from harness.errors import ReviewFileError
from harness.records.review import Answer
from harness.review.exchange import exported, import_items
from harness.review.exchange.files import COLUMNS
from harness.store import Store
from tests.review.conftest import NOW, AddBatch
from tests.review.exchange.queues import FORMATS, ITEM, LABEL, label_of, share


def test_a_column_stands_once() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_the_rows_of_an_item_show_the_same(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    (shared,) = share(store, unblind=False)
    first, other = (
        replace(shared, labels=(label_of(5),)),
        replace(shared, answers=("x",), labels=(label_of(1),)),
    )
    with pytest.raises(ReviewFileError, match="Row 3 is no item: b1-00000 has another case"):
        FORMATS["csv"].read(FORMATS["csv"].write([first, other]))


def test_line_ends_of_a_spreadsheet_change_no_text(store: Store, add_batch: AddBatch) -> None:
    (item,) = add_batch(1)
    batch = replace(store.review.batch("b1"), id="b2")
    store.review.add_batch(batch, [replace(item, id="i2", batch_id="b2", answers=(Answer("one\r\ntwo"),))])
    (shared,) = exported(store.review, batch, unblind=False)
    saved = replace(shared, answers=("one\ntwo",), labels=(label_of(5),))
    assert import_items(store.review, [saved], NOW).labels == 1


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("time", "yesterday", "could not convert string to float: 'yesterday'"),
        ("time", "1e300", "labels.0.time = 1e+300: Input should be less than or equal to 253402300799"),
        ("adjudicated", "maybe", "its column adjudicated is 'maybe'; write yes, or leave it empty."),
        ("wanted", "1000000000", "wanted = '1000000000': Input should be a valid integer."),
    ],
)
def test_a_cell_that_is_none_is_named_with_its_row_and_what_to_write(column: str, cell: str, said: str) -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].write([shared])))
    out = io.StringIO()
    writer = csv.DictWriter(out, row)
    writer.writeheader()
    writer.writerow({**row, column: cell})
    with pytest.raises(ReviewFileError) as refused:
        FORMATS["csv"].read(out.getvalue())
    assert said in str(refused.value)
    assert str(refused.value).startswith("Row 2 is no item")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_of_a_spreadsheet_with_another_delimiter_is_read(delimiter: str) -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].write([shared])))
    out = io.StringIO()
    writer = csv.DictWriter(out, row, delimiter=delimiter)
    writer.writeheader()
    writer.writerow({**row, "value": "3,0"})
    assert FORMATS["csv"].read(out.getvalue()) == [shared]


def test_no_counts_as_no_in_a_table() -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    text = FORMATS["csv"].write([shared]).replace('"0.0","","1"', '"0.0","no","1"')
    assert '"no"' in text
    assert FORMATS["csv"].read(text) == [shared]


def test_a_spreadsheet_runs_no_answer_as_a_formula(store: Store, add_batch: AddBatch) -> None:
    (item,) = add_batch(1)
    (shared,) = share(store, unblind=False)
    texts = {"case": "+1", "reference": "'=already\r=1\n'\n@x"}
    evil = replace(shared, answers=("=HYPERLINK(1)",), **texts)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].write([evil]))))
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in rows[0].values())
    assert FORMATS["csv"].read(FORMATS["csv"].write([evil])) == [evil]
    assert item.id == shared.item
