"""Datasets of the `datasets` library: a folder that it saved, or the name of one on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import CorpusError
from harness.stages.data.sources.document import SourceDocument, one_line, row_document
from harness.stages.data.steps.step import INSTALL

_SAVED = ("dataset_dict.json", "state.json")


def is_saved_dataset(folder: Path) -> bool:
    """Tell whether `save_to_disk` wrote a folder."""
    return any((folder / name).is_file() for name in _SAVED)


def read_saved_dataset(folder: Path, name: str) -> Iterator[SourceDocument]:
    """The documents of a saved dataset, split after split."""
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{name}: it can't be loaded as a saved dataset: {one_line(error)}.") from None
    yield from _rows(found, name)


def read_hub_dataset(name: str) -> Iterator[SourceDocument]:
    """The documents of a dataset of the hub, split after split.

    Args:
        name: "owner/name", or "owner/name:split".

    Raises:
        CorpusError: it can't be loaded.
    """
    yield from _rows(_load(name), name)


def hub_dataset_fingerprint(name: str) -> str:
    """A digest of the content of a dataset of the hub, as its library keeps it.

    Raises:
        CorpusError: it can't be loaded.
    """
    found = _load(name)
    parts = found.items() if isinstance(found, dict) else [("", found)]
    return " ".join(f"{split}={part._fingerprint}" for split, part in sorted(parts))


def hub_dataset_bytes(name: str) -> int:
    """The bytes of the rows of a dataset of the hub, of those splits that are read.

    Raises:
        CorpusError: it can't be loaded.
    """
    found = _load(name)
    return sum(part.data.nbytes for part in (found.values() if isinstance(found, dict) else [found]))


def _load(name: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise CorpusError(
            f"documents = {name!r}: datasets of the hub need datasets, not installed here: {INSTALL}"
        ) from None
    path, _, split = name.partition(":")
    try:
        return datasets.load_dataset(path, split=split or None)
    except Exception as error:  # noqa: BLE001  whatever a dataset's own code and the hub's client raise
        raise CorpusError(
            f"documents = {name!r} is neither a file nor a folder here, nor can it be loaded: {one_line(error)}. "
            "Write a .jsonl(.gz), .parquet, .warc(.gz), .html or .txt file, a folder of these, or a dataset as "
            '"owner/name" or "owner/name:split".'
        ) from None


def _rows(found: Any, name: str) -> Iterator[SourceDocument]:
    if isinstance(found, dict):
        for split in sorted(found):
            yield from _rows(found[split], f"{name}/{split}")
        return
    for number, row in enumerate(found, 1):
        yield row_document(row, name, number)
