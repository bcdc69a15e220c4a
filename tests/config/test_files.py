"""Files that a test names are found where they are, and files that are replaced are never half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.files import find_file, replacing, texts_in
from harness.errors import CaseError


def find(path: str, *folders: Path) -> Path | None:
    return find_file(Path(path), folders, kind="case file", suffixes=(".jsonl", ".csv"), error=CaseError)


def test_the_first_folder_that_has_it_counts(tmp_path: Path) -> None:
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cases.jsonl").touch()
    assert find("cases.jsonl", tmp_path / "a", tmp_path / "b", tmp_path / "c") == tmp_path / "b" / "cases.jsonl"
    assert find(str(tmp_path / "c" / "cases.jsonl"), tmp_path / "b") == tmp_path / "c" / "cases.jsonl"


def test_what_looks_like_no_file_may_be_the_name_of_something_else(tmp_path: Path) -> None:
    assert find("gsm8k", tmp_path) is None


def test_a_missing_file_is_told_with_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CaseError) as raised:
        find("case.csv", tmp_path)
    assert str(raised.value) == f"There is no case file 'case.csv'. {tmp_path} has: cases.csv."


def test_where_there_is_none_the_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"Looked in .*: no case file \(\.jsonl, \.csv\) there\."):
        find("cases.csv", tmp_path)


@pytest.mark.parametrize("path", ["x" * 5000, "x" * 5000 + ".csv"])
def test_a_name_that_no_file_can_have_is_refused_and_shortened(tmp_path: Path, path: str) -> None:
    with pytest.raises(CaseError, match="can't be looked for") as raised:
        find(path, tmp_path)
    assert len(str(raised.value)) < 400


def test_a_file_is_replaced_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_file_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:  # noqa: PT012 - the error comes half way
        temporary.write_text("ne")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_all_texts_of_a_table_are_found() -> None:
    assert [*texts_in({"a": ["b", ("c",)], "d": {"e": "f"}, "g": 1})] == ["b", "c", "f"]
