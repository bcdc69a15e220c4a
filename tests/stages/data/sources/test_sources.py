"""A source is a file, a folder or a dataset; its fingerprint is of what it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import CorpusError
from harness.stages.data.sources import open_source
from tests.stages.data.projects import some_rows, write_lines


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def test_a_folder_is_read_in_the_order_of_names_whatever_lies_in_it(tmp_path: Path) -> None:
    web = tmp_path / "web"
    write_lines(web / "b" / "two.jsonl.gz", [{"text": "2"}])
    write_lines(web / "a.jsonl", [{"text": "1"}])
    (web / "page.HTML").write_text("<p>3</p>", encoding="utf-8")
    (web / "style.css").write_text("p {}", encoding="utf-8")
    (web / ".hidden.jsonl").write_text("no JSON", encoding="utf-8")
    assert [(each.id, each.text) for _, each in open_source("web", tmp_path).documents()] == [
        ("a.jsonl/1", "1"),
        ("b/two.jsonl.gz/1", "2"),
        ("page.HTML", "<p>3</p>"),
    ]


def test_the_name_of_a_file_may_be_no_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("a text", encoding="utf-8")
    ((_, found),) = open_source(".", tmp_path).documents()
    assert found.id == "caf\ufffd.txt"


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    write_lines(tmp_path / "web" / "a.jsonl", some_rows(3))
    write_lines(tmp_path / "other" / "a.jsonl", some_rows(3))
    first = open_source("web", tmp_path).fingerprint()
    assert open_source("other", tmp_path).fingerprint() == first
    (tmp_path / "web" / "style.css").write_text("p {}", encoding="utf-8")
    assert open_source("web", tmp_path).fingerprint() == first
    write_lines(tmp_path / "web" / "a.jsonl", some_rows(4))
    assert open_source("web", tmp_path).fingerprint() != first


def test_a_packed_file_is_reckoned_larger_than_it_is(tmp_path: Path) -> None:
    plain = write_lines(tmp_path / "a.jsonl", some_rows(3))
    packed = write_lines(tmp_path / "a.jsonl.gz", some_rows(3))
    assert open_source("a.jsonl", tmp_path).size_bytes() == plain.stat().st_size
    assert open_source("a.jsonl.gz", tmp_path).size_bytes() == 4 * packed.stat().st_size


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("web/b.jsonl", "there is no {root}/web/b.jsonl. {root}/web has: a.jsonl. Write a .jsonl(.gz), .parquet"),
        ("nowhere/b.jsonl", "there is no {root}/nowhere/b.jsonl. Write"),
        ("web/pages", "there is no {root}/web/pages. {root}/web has: a.jsonl."),
        ("notes.md", "{root}/notes.md: documents can't be read from a file of this kind. Write"),
        ("empty", "{root}/empty: the folder is empty. Write"),
        ("other", "{root}/other: the folder has files of other kinds alone (.css). Write"),
    ],
)
def test_a_source_that_is_none_is_named_with_what_there_is(tmp_path: Path, source: str, said: str) -> None:
    write_lines(tmp_path / "web" / "a.jsonl", some_rows(1))
    (tmp_path / "notes.md").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "style.css").write_text("p {}", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        open_source(source, tmp_path)
    assert said.format(root=tmp_path) in str(caught.value)
