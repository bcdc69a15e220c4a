"""Hashes of files by content, which a file that did not change is read for once only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from harness.models.files.content_hash import file_hash, files_hash, text_hash


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(path: Path, content: bytes, age_s: int = 0) -> Path:
    path.write_bytes(content)
    if age_s:
        os.utime(path, (path.stat().st_mtime - age_s,) * 2)
    return path


def test_it_is_the_sha_256_of_the_content(tmp_path: Path) -> None:
    assert file_hash(written(tmp_path / "a", b"abc")) == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, cache: Path) -> None:
    file_hash(written(tmp_path / "a", b"abc", age_s=60))  # its other time is that of the change just made
    assert not list(cache.rglob("*"))


def test_what_is_remembered_stands_for_the_content_until_the_file_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.models.files.content_hash._TRUSTED_AFTER_NS", -1)
    path = written(tmp_path / "a", b"abc")
    found = file_hash(path)
    (memory,) = [each for each in cache.rglob("*") if each.is_file()]
    assert memory.read_text() == found
    memory.write_text("0" * 64)
    assert file_hash(path) == "0" * 64
    written(path, b"abcd")
    assert file_hash(path) == hashlib.sha256(b"abcd").hexdigest()


def test_borders_between_texts_count() -> None:
    assert text_hash("ab", "c") != text_hash("a", "bc") != text_hash("abc")


def test_files_of_a_folder_are_hashed_with_their_names_in_any_order(tmp_path: Path) -> None:
    written(tmp_path / "a", b"1")
    written(tmp_path / "b", b"2")
    first = files_hash(tmp_path, ["a", "b"])
    assert files_hash(tmp_path, ["b", "a"]) == first
    (tmp_path / "b").rename(tmp_path / "c")
    assert files_hash(tmp_path, ["a", "c"]) != first
