"""Datasets of the `datasets` library are sources, too."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from harness.errors import CorpusError
from harness.stages.data.sources import open_source


def read(name: str, root: Path) -> list[tuple[str, str, object]]:
    return [(each.id, each.text, each.metadata) for _, each in open_source(name, root).documents()]


def test_a_saved_dataset_is_read_row_by_row(tmp_path: Path) -> None:
    datasets.Dataset.from_list([{"text": "a", "n": 1}, {"text": "b", "n": 2}]).save_to_disk(str(tmp_path / "saved"))
    assert read("saved", tmp_path) == [("saved/1", "a", {"n": 1}), ("saved/2", "b", {"n": 2})]


def test_the_splits_of_a_dataset_come_one_after_the_other(tmp_path: Path) -> None:
    made = {name: datasets.Dataset.from_list([{"text": name}]) for name in ("train", "test")}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "saved"))
    assert [name for name, *_ in read("saved", tmp_path)] == ["saved/test/1", "saved/train/1"]


def test_a_saved_dataset_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CorpusError, match="saved: it can't be read: "):
        read("saved", tmp_path)


def test_a_dataset_that_can_not_be_loaded_says_what_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"= 'no/such' is neither a file .* can it be loaded: .*Write a \.jsonl"):
        open_source("no/such", Path())
