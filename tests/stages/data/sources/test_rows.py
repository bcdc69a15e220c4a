"""Rows of JSON lines and Parquet are read one at a time, and what is broken is named."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import CorpusError
from harness.stages.data.sources import Placed, open_source
from tests.stages.data.projects import some_rows, write_lines


def read(path: Path) -> Iterator[Placed]:
    return open_source(path.name, path.parent).documents()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "A.JSONL.GZ"])
def test_a_line_is_a_document_and_empty_ones_are_passed_over(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / name, some_rows(3))
    content = path.read_bytes()
    path.write_bytes(content + (gzip.compress(b"\n \n") if name.lower().endswith("gz") else b"\n \n"))
    assert [document.id for _, document in read(path)] == ["d0", "d1", "d2"]


def test_what_a_row_names_metadata_and_is_no_table_comes_after_its_other_items(tmp_path: Path) -> None:
    """The order of a document's items is a part of its corpus's fingerprint."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"metadata": "m", "text": "a", "b": 1}\n{"metadata": {"m": 1}, "text": "a", "b": 1}\n')
    assert [list(document.metadata) for _, document in read(path)] == [["b", "metadata"], ["m", "b"]]


def test_a_mark_of_order_before_the_first_line_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\ufeff{"text": "a"}\n{"text": "b"}', encoding="utf-8")
    assert [document.text for _, document in read(tmp_path / "a.jsonl")] == ["a", "b"]


def test_a_line_that_is_no_json_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n\n{"text": "b"\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.jsonl, row 3: '\{\"text\": \"b\"' is no JSON .*Write an object a line"):
        list(read(path))


def test_bytes_that_are_no_utf_8_are_named_by_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "caf\xe9"}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl, row 2: '.*caf\ufffd.*' is no JSON .*in UTF-8"):
        list(read(path))


def test_half_of_a_character_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\ud800"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.jsonl, row 1: .* is no JSON"):
        list(read(path))


@pytest.mark.service
def test_packed_lines_that_were_cut_give_what_there_is_and_then_say_so(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl.gz", some_rows(20_000))
    path.write_bytes(path.read_bytes()[:-2000])
    documents = read(path)
    assert next(documents)[1].id == "d0"
    with pytest.raises(
        CorpusError,
        match=r"a\.jsonl\.gz: after [\d,]+ documents it can't be read: .*ended before .*Fetch the file again",
    ):
        list(documents)


@pytest.mark.parametrize("content", [b'{"text": "a"}\n', gzip.compress(b"x" * 100, mtime=0)[:10] + b"\xff" * 50])
def test_what_is_no_gzip_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.jsonl\.gz: it can't be read: .*Fetch the file again"):
        list(read(path))


def test_parquet_is_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "text": ["a", "b"], "score": [0.5, None]}), path)
    found = list(read(path))
    assert [(document.id, document.text, document.metadata) for _, document in found] == [
        ("1", "a", {"score": 0.5}),
        ("2", "b", {"score": None}),
    ]


def test_a_parquet_row_without_a_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": ["x", "y"], "text": ["a", None]}), path)
    with pytest.raises(CorpusError, match=r"a\.parquet, row 2: document 'y' has neither"):
        list(read(path))


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["a"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorpusError, match=r"a\.parquet: it can't be read: .*Parquet.*Fetch the file again"):
        list(read(path))
