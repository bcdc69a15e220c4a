"""What became of each document is put together from what the steps left, and nothing gets lost on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from harness.errors import CorpusError
from harness.stages.data.build.pipeline import MergeShard, mark_done
from harness.stages.data.steps.step import ShardedCorpus, place_of


def merge(
    root: Path, source: Sequence[str], kept: dict[str, str], removed: Sequence[tuple[str, str, str | None]]
) -> list[Any]:
    """What is explained of documents whose text is their id."""
    shards = ShardedCorpus(root / "kept", 1)
    shards.write(0, [Document(kept[name], name) for name in sorted(kept, key=place_of)])
    rows = [
        dict(zip(("id", "step", "reason", "duplicate_of"), (name, "s", *why), strict=True)) for name, *why in removed
    ]
    mark_done(root, 0, [], rows)
    step = MergeShard(shards, [root], root / "result", root / "merge")
    step(iter([Document(name, name) for name in sorted(source, key=place_of)]), 0, 1)
    lines = (root / "result" / "explained" / "00000.jsonl").read_text("utf-8").splitlines()
    return sorted(map(json.loads, lines), key=lambda row: row["id"])


def test_kept_removed_and_written_documents_are_told_apart(tmp_path: Path) -> None:
    found = merge(
        tmp_path, ["a", "b", "c"], {"a": "A", "new": "written by a step"}, [("b", "r", None), ("c", "d", "a")]
    )
    assert found == [
        {"id": "a", "kept": True, "step": None, "reason": None, "duplicate_of": None, "before": "a", "after": "A"},
        {"id": "b", "kept": False, "step": "s", "reason": "r", "duplicate_of": None, "before": "b", "after": None},
        {"id": "c", "kept": False, "step": "s", "reason": "d", "duplicate_of": "a", "before": "c", "after": None},
        {
            "id": "new",
            "kept": True,
            "step": None,
            "reason": None,
            "duplicate_of": None,
            "before": None,
            "after": "written by a step",
        },
    ]
    counts = json.loads((tmp_path / "merge" / "done" / "00000").read_bytes())
    assert [counts[key] for key in ("documents_in", "documents_out", "tokens_in", "tokens_out")] == [3, 2, 3, 5]


@pytest.mark.parametrize(
    ("kept", "removed", "said"),
    [
        ({}, [], "The document 'a' was neither kept nor removed; a step does not record"),
        ({"a": "a"}, [("a", "r", None)], "The document 'a' was both kept and removed"),
        ({"a": "a"}, [("b", "r", None), ("b", "s", None)], "A step gave the document 'b' twice"),
    ],
)
def test_a_step_that_loses_a_document_is_found_out(
    tmp_path: Path, kept: dict[str, str], removed: Sequence[tuple[str, str, str | None]], said: str
) -> None:
    with pytest.raises(CorpusError, match=said):
        merge(tmp_path, ["a"], kept, removed)


def test_the_digest_is_the_same_in_whatever_shards_documents_lie(tmp_path: Path) -> None:
    def digest(name: str, texts: dict[str, str]) -> int:
        merge(tmp_path / name, list(texts), texts, [])
        return int(json.loads((tmp_path / name / "merge" / "done" / "00000").read_bytes())["digest"], 16)

    together = digest("together", {"a": "1", "b": "2", "c": "3"})
    assert (digest("one", {"a": "1", "c": "3"}) + digest("two", {"b": "2"})) % (1 << 256) == together
    assert digest("other", {"a": "1", "b": "2", "c": "4"}) != together
