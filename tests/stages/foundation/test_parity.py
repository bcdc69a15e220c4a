from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import CaseError
from harness.stages.foundation.parity import read_texts


def test_texts_are_lines_of_jsonl_or_paragraphs(tmp_path: Path) -> None:
    lines, paragraphs = tmp_path / "texts.jsonl", tmp_path / "texts.md"
    lines.write_text('{"text": "One."}\n\n{"text": "Two\u2028\u0085.", "id": 2}\n', encoding="utf-8")
    paragraphs.write_text("One\nline.\n\n\nTwo.\n", encoding="utf-8")
    assert read_texts(lines) == ["One.", "Two\u2028\u0085."]
    assert read_texts(paragraphs) == ["One\nline.", "Two."]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "x"}\n{"prompt": "x"}\n', "line 2: there is no text"),
        ("a.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("a.jsonl", "\n", "holds no text"),
        ("a.txt", " \n\n \n", "holds no text"),
    ],
)
def test_a_file_without_texts_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(CaseError, match=message):
        read_texts(tmp_path / name)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CaseError, match="is not UTF-8"):
        read_texts(tmp_path / "b.txt")
