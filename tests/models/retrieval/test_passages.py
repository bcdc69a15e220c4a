"""Passages, as a file gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.models.retrieval.passages import Passage, read_passages


def test_a_line_is_a_passage(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text('{"id": 7, "text": "Open at nine.", "page": 3}\n\n{"id": "b", "text": "Closed."}\n', "utf-8")
    assert read_passages(path) == [Passage("7", "Open at nine.", {"page": 3}), Passage("b", "Closed.")]
    path.write_text('{"id": "a", "text": "one\u2028two\u0085three"}\r\n{"id": "b", "text": "four"}\r\n', "utf-8")
    assert [passage.text for passage in read_passages(path)] == ["one\u2028two\u0085three", "four"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no passage"),
        ("nine\n", "line 1 is no JSON"),
        ('{"id": "a"}\n', "line 1 has no text"),
        ('{"id": "a", "text": " "}\n', "line 1 has no text"),
        ('{"text": "nine"}\n', "line 1 has no id"),
        ('{"id": true, "text": "nine"}\n', "line 1 has no id"),
        (
            '{"id": "a", "text": "x"}\n{"id": "b", "text": "x"}\n{"id": "a", "text": "y"}\n',
            r"line 3: the id 'a' is that of .*line 1 as well",
        ),
        ("[1]\n", "line 1 is no JSON object"),
    ],
)
def test_what_is_no_passage_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        read_passages(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl can't be read"):
        read_passages(tmp_path / "none.jsonl")
    (tmp_path / "broken.jsonl").write_bytes(b'{"id": "a", "text": "\xff"}')
    with pytest.raises(UsageError, match=r"broken\.jsonl is not UTF-8"):
        read_passages(tmp_path / "broken.jsonl")
