"""Datasets of the `datasets` library are sources, too."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from harness.errors import CorpusError
from harness.stages.data.sources.tables import (
    hub_dataset_fingerprint,
    is_saved_dataset,
    read_hub_dataset,
    read_saved_dataset,
)


def test_a_saved_dataset_is_read_row_by_row(tmp_path: Path) -> None:
    datasets.Dataset.from_list([{"text": "a", "n": 1}, {"text": "b", "n": 2}]).save_to_disk(str(tmp_path / "saved"))
    assert is_saved_dataset(tmp_path / "saved")
    found = list(read_saved_dataset(tmp_path / "saved", "saved"))
    assert [(each.id, each.text, each.metadata) for each in found] == [
        ("saved/1", "a", {"n": 1}),
        ("saved/2", "b", {"n": 2}),
    ]


def test_the_splits_of_a_dataset_come_one_after_the_other(tmp_path: Path) -> None:
    made = {name: datasets.Dataset.from_list([{"text": name}]) for name in ("train", "test")}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "saved"))
    found = list(read_saved_dataset(tmp_path / "saved", "saved"))
    assert [each.id for each in found] == ["saved/test/1", "saved/train/1"]


def test_a_folder_that_is_none_is_not_taken_for_one(tmp_path: Path) -> None:
    assert not is_saved_dataset(tmp_path)


def test_a_dataset_that_can_not_be_loaded_says_what_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for ask in (hub_dataset_fingerprint, lambda name: list(read_hub_dataset(name))):
        with pytest.raises(
            CorpusError, match=r"documents = 'no/such' is neither a file .* can it be loaded: .*Write a \.jsonl"
        ):
            ask("no/such")
