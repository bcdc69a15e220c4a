from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CorpusError
from harness.stages.data.ablation.questions import ClozeItem, read_cloze, read_held_out

ITEM = {"context": "The cat sat", "choices": [" down.", " blue."], "answer": 0}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_held_out_texts_are_read_by_id(tmp_path: Path) -> None:
    path = lines(tmp_path / "h.jsonl", {"id": "a", "text": "one"}, "", {"id": 2, "text": "two"})
    assert read_held_out(path) == {"a": "one", "2": "two"}
    path.write_text('{"id": "a", "text": "one\u2028two\u0085"}\n', encoding="utf-8")
    assert read_held_out(path) == {"a": "one\u2028two\u0085"}


def test_cloze_items_are_read(tmp_path: Path) -> None:
    assert read_cloze(lines(tmp_path / "c.jsonl", ITEM)) == (ClozeItem("The cat sat", (" down.", " blue."), 0),)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": "a"}, "h.jsonl, line 1 has no field 'text'; it needs id, text."),
        ({"id": "a", "txt": "x"}, "Its field 'txt' may be meant."),
        ({"id": "a", "text": " "}, "h.jsonl, line 1: the held-out text is ' '"),
        ({"id": "a", "text": 5}, "the held-out text is 5"),
        ("{", "h.jsonl, line 1 is no JSON"),
        ("[1]", "line 1 is no JSON object"),
        ("", "h.jsonl is empty"),
    ],
)
def test_held_out_texts_that_are_none_are_named(tmp_path: Path, row: Any, told: str) -> None:
    with pytest.raises(CorpusError) as failed:
        read_held_out(lines(tmp_path / "h.jsonl", row))
    assert told in str(failed.value)


def test_an_id_that_is_there_twice_is_named(tmp_path: Path) -> None:
    row = {"id": "a", "text": "x"}
    with pytest.raises(CorpusError, match=r"h.jsonl, line 2: the id 'a' is that of .*h.jsonl, line 1 as well"):
        read_held_out(lines(tmp_path / "h.jsonl", row, row))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"choices": [" down."]}, "are no two texts or more"),
        ({"choices": "ab"}, "are no two texts or more"),
        ({"choices": [" a", " a"]}, "empty or there twice"),
        ({"choices": [" a", ""]}, "empty or there twice"),
        ({"answer": 2}, "answer = 2 is the place of none of 2 choices"),
        ({"answer": True}, "answer = True"),
        ({"answer": -1}, "answer = -1"),
        ({"context": None}, "context = None is no text"),
    ],
)
def test_items_that_are_none_are_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(CorpusError) as failed:
        read_cloze(lines(tmp_path / "c.jsonl", ITEM | change))
    assert told in str(failed.value)
    assert "c.jsonl, line 1" in str(failed.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"can't be read: .*Name a file of JSON lines"):
        read_cloze(tmp_path / "none.jsonl")
