"""evals/data/ablation: as it is generated, in no document, and no answer is told by its place."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from harness.stages.data.ablation.drawing import text_key
from harness.stages.data.ablation.questions import read_cloze, read_held_out
from tests.corpora.generate import DATA, DOCUMENTS, Sizes
from tests.corpora.questions import cloze, held_out

FOLDER = DATA / "ablation"


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.service
def test_the_files_are_as_they_are_generated() -> None:
    sizes = Sizes()
    assert rows(FOLDER / "held_out.jsonl") == list(held_out("1", sizes.held_out))
    assert rows(FOLDER / "cloze.jsonl") == list(cloze("1", sizes.questions))


def test_no_document_is_held_out() -> None:
    keys = {text_key(text) for text in read_held_out(FOLDER / "held_out.jsonl").values()}
    with gzip.open(DATA / DOCUMENTS, "rt", encoding="utf-8") as lines:
        known = {text_key(row["text"]) for row in map(json.loads, lines) if "text" in row}
    assert len(keys) == 150
    assert not keys & known


def test_neither_place_nor_length_tells_the_answer() -> None:
    items = read_cloze(FOLDER / "cloze.jsonl")
    places = Counter(item.answer for item in items)
    assert min(places.values()) > 70, "of 400, in four places"
    shortest = sum(min(item.choices, key=len) == item.choices[item.answer] for item in items)
    assert 50 < shortest < 180


def test_the_seeds_are_five() -> None:
    assert [row["seed"] for row in rows(FOLDER / "seeds.jsonl")] == [1, 2, 3, 4, 5]
