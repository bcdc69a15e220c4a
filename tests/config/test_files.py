"""Files that a test names are found where they are, and files that are replaced are never half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.files import find_file, json_lines, note_id, replacing
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


def test_lines_are_read_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"a": "one\u2028two"}\r\n\n{"b": "\\ud83d\\ude00 \\\\ud83d"}\n', "utf-8")
    lines = [{"a": "one\u2028two"}, {"b": "\U0001f600 \\ud83d"}]
    assert [*json_lines(path, CaseError)] == [
        (f"{path}, line {n}", line) for n, line in zip((1, 3), lines, strict=True)
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{}\n{"a"', "line 2 is no JSON: .* Write it.$"),
        (b"[1]", r"line 1 is no JSON object: '\[1\]' Write it.$"),
        (b"[" * 100_000, "line 1 is no JSON: .* Write it.$"),
        (rb'{"a": ["boat \uD83D"]}', r"line 1 is no JSON: '\\ud83d' is half of a character; write both.* Write it.$"),
        (rb'{"\udc00": 1}', "line 1 is no JSON: .* is half of a character"),
        ("{}".encode("utf-16"), r"a\.jsonl is not UTF-8: .* Save it as UTF-8\.$"),
    ],
)
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(CaseError, match=message):
        list(json_lines(path, CaseError, "Write it."))


def test_files_beside_one_that_is_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "ab.jsonl").touch()
    with pytest.raises(CaseError, match=r"a\.jsonl can't be read: No such file or directory\. Beside it: ab\.jsonl\.$"):
        list(json_lines(tmp_path / "a.jsonl", CaseError))


def test_an_id_that_stands_twice_is_refused_with_both_places() -> None:
    places: dict[str, str] = {}
    note_id("a", "f, line 1", places, CaseError)
    note_id("b", "f, line 2", places, CaseError)
    with pytest.raises(CaseError, match="f, line 3: the id 'a' is that of f, line 1 as well"):
        note_id("a", "f, line 3", places, CaseError)
