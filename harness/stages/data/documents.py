"""Reads the documents that a corpus is made of, and tells what identifies them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.errors import CorpusError, some
from harness.models.files.content_hash import file_hash, text_hash
from harness.stages.data.sources import pages, rows, tables, warc
from harness.stages.data.sources.document import SourceDocument

_READERS: Mapping[str, Callable[[Path, str], Iterator[SourceDocument]]] = {
    ".jsonl": rows.read_json_lines,
    ".jsonl.gz": rows.read_json_lines,
    ".parquet": rows.read_parquet,
    ".warc": warc.read_warc,
    ".warc.gz": warc.read_warc,
    ".wet": warc.read_warc,
    ".wet.gz": warc.read_warc,
    ".html": pages.read_page,
    ".htm": pages.read_page,
    ".html.gz": pages.read_page,
    ".txt": pages.read_text,
    ".txt.gz": pages.read_text,
}
_UNPACKED = 4
"""Bytes of text per byte of a packed file, about."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:\w+)?")
KINDS = (
    "a .jsonl(.gz), .parquet, .warc(.gz), .html or .txt file, a folder of these, a folder that the library datasets "
    'saved, or a dataset of the hub as "owner/name"'
)


def read_documents(source: str, root: Path) -> Iterator[SourceDocument]:
    """The documents of a source, one at a time.

    Args:
        source: a file, a folder, or the name of a dataset on the hub.
        root: that relative paths start from.

    Raises:
        CorpusError: there is no such source, or a document in it is broken; named with file and row.
    """
    path = _place(source, root)
    if path is None:
        yield from tables.read_hub_dataset(source)
    elif path.is_dir() and tables.is_saved_dataset(path):
        yield from tables.read_saved_dataset(path, path.name)
    else:
        for file, name in _files(path):
            yield from _READERS[_suffix(file)](file, name)


def source_fingerprint(source: str, root: Path) -> str:
    """A digest of a source's content; of files that did not change since they were last hashed none is read.

    Raises:
        CorpusError: there is no such source.
    """
    path = _place(source, root)
    if path is None:
        return text_hash("hub", source, tables.hub_dataset_fingerprint(source))
    return text_hash("files", *(part for file, name in _files(path) for part in (name, file_hash(file))))


def source_bytes(source: str, root: Path) -> int:
    """About how many bytes of text and markup a source holds.

    Raises:
        CorpusError: there is no such source.
    """
    path = _place(source, root)
    if path is None:
        return tables.hub_dataset_bytes(source)
    packed = (".gz", ".parquet")
    return sum(file.stat().st_size * (_UNPACKED if file.suffix.lower() in packed else 1) for file, _ in _files(path))


def _place(source: str, root: Path) -> Path | None:
    """The file or folder, or None where the source is the name of a dataset.

    Raises:
        CorpusError: it is neither.
    """
    path = root / Path(source).expanduser()
    if path.exists():
        return path
    if _HUB_ID.fullmatch(source) and _suffix(path) not in _READERS and not path.parent.is_dir():
        return None
    beside = ""
    if path.parent.is_dir():
        there = sorted(file.name for file in path.parent.iterdir() if file.is_dir() or _suffix(file) in _READERS)
        beside = f" {path.parent} has: {some(there, 8)}." if there else ""
    raise CorpusError(f"documents = {source!r}: there is no {path}.{beside} Write {KINDS}.")


def _files(path: Path) -> list[tuple[Path, str]]:
    """The files of a source that hold documents, each with its name in messages and ids, in the order of the names."""
    if path.is_file():
        if _suffix(path) not in _READERS:
            raise CorpusError(f"{path}: documents can't be read from a file of this kind. Write {KINDS}.")
        return [(path, _name(path.name))]
    if tables.is_saved_dataset(path):
        return sorted((file, file.relative_to(path).as_posix()) for file in path.rglob("*") if file.is_file())
    found = [
        (file, _name(file.relative_to(path).as_posix()))
        for file in path.rglob("*")
        if _suffix(file) in _READERS and not _is_hidden(file.relative_to(path)) and file.is_file()
    ]
    if not found:
        others = sorted({file.suffix or file.name for file in path.rglob("*") if file.is_file()})
        has = f"has files of other kinds alone ({some(others, 5)})" if others else "is empty"
        raise CorpusError(f"{path}: the folder {has}. Write {KINDS}.")
    return sorted(found, key=lambda pair: pair[1])


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((suffix for suffix in sorted(_READERS, key=len, reverse=True) if name.endswith(suffix)), "")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _name(path: str) -> str:
    """A path without what is no text in it: names of files may be any bytes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
