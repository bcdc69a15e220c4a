"""Sources: the documents that a corpus is made of, read from files, folders and datasets, and what identifies them.

A document is datatrove's from here on. Its metadata hold its address as `url` and, while its text is a page of HTML,
`is_html`. Readers give each with its place in words, such as "web/a.jsonl, row 12". datatrove's own readers pass over
what is broken, and tell no place.
"""

from __future__ import annotations

import codecs
import functools
import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.errors import CorpusError, shortened, some
from harness.models.files.content_hash import file_hash, text_hash
from harness.stages.data.steps.step import INSTALL, IS_HTML, URL

if TYPE_CHECKING:
    from datatrove.data import Document
    from warcio.recordloader import ArcWarcRecord

Placed = tuple[str, "Document"]
"""A document after its place."""

KINDS = (
    "a .jsonl(.gz), .parquet, .warc(.gz), .html or .txt file, a folder of these, a folder that the library datasets "
    'saved, or a dataset of the hub as "owner/name"'
)
_UNPACKED = 4
"""Bytes of text per byte of a packed file, about."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:\w+)?")
_SAVED = ("dataset_dict.json", "state.json")
"""What `save_to_disk` writes into a folder."""
_BATCH = 64
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_HEAD_BYTES = 4096
_MEANT = dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii"), "cp1252")
"""Encodings that mean Windows' cp1252 in pages, with its dashes and quotes (WHATWG's Encoding Standard)."""
_HTML = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(?><!--.*?-->)\s*)*<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Bytes that no text has. Source: WHATWG, MIME Sniffing, "binary data byte"; it looks at the first 1,445 bytes."""
_SNIFFED = 1445


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is there: files with their names in messages and ids, a loaded dataset of the hub, or the folder
    that `save_to_disk` wrote."""

    name: str
    files: tuple[tuple[Path, str], ...] = ()
    dataset: Any = None
    saved: Path | None = None

    def documents(self) -> Iterator[Placed]:
        """The documents, one at a time; a `CorpusError` names what is broken with file and row."""
        if self.dataset is not None or self.saved is not None:
            readers = [(self.name, self._rows())]
        else:
            readers = [(name, _READERS[_suffix(file)](file, name)) for file, name in self.files]
        for name, reader in readers:
            number = 0
            try:
                for placed in reader:
                    number += 1
                    yield placed
            except (CorpusError, ImportError):
                raise
            except Exception as error:  # noqa: BLE001  whatever a reader's library raises of a file that is damaged
                remedy = "Fetch the file again"
                if isinstance(error, UnicodeDecodeError):
                    remedy = "Convert the file, for example with: iconv -f latin1 -t utf-8"
                after = f"after {number:,} documents " if number else ""
                raise CorpusError(f"{name}: {after}it can't be read: {_one_line(error)}. {remedy}.") from None

    def _rows(self) -> Iterator[Placed]:
        """The rows of a dataset, split after split."""
        loaded, own = self.dataset, self.name
        if self.saved is not None:
            import datasets

            loaded, own = datasets.load_from_disk(str(self.saved)), self.saved.name
        for split, rows in sorted(_splits(loaded).items()):
            place = f"{own}/{split}" if split else own
            for number, row in enumerate(rows, 1):
                yield row_document(row, place, number)

    def fingerprint(self) -> str:
        """A digest of the content; of files that did not change since they were last hashed none is read."""
        if self.dataset is None:
            return text_hash("files", *(part for file, name in self.files for part in (name, file_hash(file))))
        splits = sorted(_splits(self.dataset).items())
        return text_hash("hub", self.name, " ".join(f"{name}={part._fingerprint}" for name, part in splits))

    def size_bytes(self) -> int:
        """About how many bytes of text and markup there are."""
        if self.dataset is not None:
            return sum(part.data.nbytes for part in _splits(self.dataset).values())
        sizes = {file: file.stat().st_size for file, _ in self.files}
        return sum(n * (_UNPACKED if file.suffix.lower() in (".gz", ".parquet") else 1) for file, n in sizes.items())


def open_source(source: str, root: Path) -> Source:
    """The source that the settings name: a file, a folder, or a dataset of the hub."""
    path = root / Path(source).expanduser()
    if path.is_dir() and any((path / name).is_file() for name in _SAVED):
        files = sorted((file, file.relative_to(path).as_posix()) for file in path.rglob("*") if file.is_file())
        return Source(source, tuple(files), saved=path)
    if path.exists():
        return Source(source, tuple(_files(path)))
    if _HUB_ID.fullmatch(source) and not _suffix(path) and not path.parent.is_dir():
        return Source(source, dataset=_load(source))
    beside = ""
    if path.parent.is_dir():
        there = sorted(file.name for file in path.parent.iterdir() if file.is_dir() or _suffix(file))
        beside = f" {path.parent} has: {some(there, 8)}." if there else ""
    raise CorpusError(f"documents = {source!r}: there is no {path}.{beside} Write {KINDS}.")


def _files(path: Path) -> list[tuple[Path, str]]:
    if path.is_file():
        if not _suffix(path):
            raise CorpusError(f"{path}: documents can't be read from a file of this kind. Write {KINDS}.")
        return [(path, _name(path, path.parent))]
    inside = [file for file in path.rglob("*") if file.is_file()]
    files = [file for file in inside if _suffix(file) and "/." not in f"/{file.relative_to(path)}"]
    if not files:
        others = sorted({file.suffix or file.name for file in inside})
        has = f"has files of other kinds alone ({some(others, 5)})" if others else "is empty"
        raise CorpusError(f"{path}: the folder {has}. Write {KINDS}.")
    return sorted(((file, _name(file, path)) for file in files), key=lambda pair: pair[1])


def _suffix(path: Path) -> str:
    """The suffix by which a file is read; "" where it is none of those."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(_READERS, key=len, reverse=True) if name.endswith(suffix)), "")


def _name(file: Path, folder: Path) -> str:
    """The path of a file without what is no text in it: names of files may be any bytes."""
    return bytes(file.relative_to(folder)).decode("utf-8", "replace")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


def row_document(row: Any, name: str, number: int) -> Placed:
    """The document that a row of a table is, after its place: `text` or `html`, `id` and `url`; all else is metadata,
    as are the items of a table named `metadata`."""
    place = f"{name}, row {number}"
    if not isinstance(row, Mapping):
        raise CorpusError(
            f'{place}: {shortened(row)} is no object; write one a row, such as {{"id": "a", "text": "…"}}.'
        )
    rest = dict(row)
    own, url, inner = (rest.pop(field, None) for field in ("id", "url", "metadata"))
    texts = {field: text for field in ("text", "html") if (text := rest.pop(field, None)) is not None}
    named = "the document" if own is None else f"document {shortened(own)}"
    if len(texts) != 1:
        fields = f"its fields are {', '.join(map(str, row))}" if row else "it has no fields"
        has = "both `text` and `html`; leave one out" if texts else f"neither `text` nor `html`; {fields}"
        raise CorpusError(f"{place}: {named} has {has}.")
    for field, value in {**texts, "url": url or ""}.items():
        if not isinstance(value, str):
            raise CorpusError(f"{place}: {field} of {named} is {shortened(value)}, not a text; write it in quotes.")
    if own is not None and (isinstance(own, bool) or not isinstance(own, str | int) or own == ""):
        raise CorpusError(f"{place}: id = {shortened(own)} is neither a text nor a whole number; write one, or no id.")
    # The order counts: a corpus's fingerprint is made of what its documents are written as.
    metadata = (
        {**inner, **rest} if isinstance(inner, Mapping) else {**rest, **({} if inner is None else {"metadata": inner})}
    )
    url = url or (metadata.pop("url") if isinstance(metadata.get("url"), str) else None)
    ((kind, text),) = texts.items()
    return place, _document(text, f"{name}/{number}" if own is None else str(own), metadata, url, kind == "html")


def _document(text: str, name: str, metadata: Mapping[str, Any], url: str | None, is_html: bool) -> Document:
    from datatrove.data import Document

    own = {**({} if url is None else {URL: url}), **({IS_HTML: True} if is_html else {})}
    return Document(text=text, id=name, metadata={**metadata, **own})


def _opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _json_lines(path: Path, name: str) -> Iterator[Placed]:
    """The documents of a file with a JSON object a line; empty lines are passed over."""
    import orjson

    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            content = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).strip()
            if not content:
                continue
            try:
                row = orjson.loads(content)
            except orjson.JSONDecodeError as error:
                shown = shortened(content.decode("utf-8", "replace"))
                raise CorpusError(
                    f"{name}, row {number}: {shown} is no JSON ({error}). Write an object a line, in UTF-8."
                ) from None
            yield row_document(row, name, number)


def _parquet(path: Path, name: str) -> Iterator[Placed]:
    """The documents of a Parquet file, a few rows of it in memory at a time."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(batch_size=_BATCH) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield row_document(row, name, number)


def _page(path: Path, name: str) -> Iterator[Placed]:
    """The one document of a file of HTML."""
    with _opened(path) as file:
        yield name, _document(decode_page(file.read()), name, {}, None, True)


def _text(path: Path, name: str) -> Iterator[Placed]:
    """The one document of a file of plain text in UTF-8; of other encodings nothing in it would tell which."""
    with _opened(path) as file:
        yield name, _document(file.read().decode("utf-8-sig"), name, {}, None, False)


def decode_page(content: bytes, declared: str | None = None) -> str:
    """The text of a page: UTF-8 where it is, else in the encoding that the server or the page names, else in the
    likeliest. No page is lost by a byte that is no text."""
    import cchardet

    match = _META.search(content[:_HEAD_BYTES])
    named = [name for name in (declared, match and match[1].decode("ascii", "replace")) if name]
    meant = [_MEANT.get(name.lower(), name) for name in named]
    # Bytes of ASCII alone may still be Japanese: ISO-2022-JP shifts between alphabets by them.
    for encoding in [*meant, "utf-8"] if content.isascii() else ["utf-8-sig", *meant, None]:
        likeliest = encoding or cchardet.detect(content[:1_000_000])["encoding"] or "utf-8"
        try:
            return content.decode(likeliest)
        except (UnicodeDecodeError, LookupError, ValueError):  # not all bytes are of it, or there is none of the name
            continue
    return content.decode("utf-8", "replace")


def _warc(path: Path, name: str) -> Iterator[Placed]:
    """The pages of HTML (`response`) and the plain texts (`conversion`, as WET files have them) of a WARC file."""
    from warcio.archiveiterator import ArchiveIterator

    number = 0
    with path.open("rb") as file:
        for number, record in enumerate(ArchiveIterator(file), 1):
            document = _record_document(record, name, number)
            if document is not None:
                yield f"{name}, record {number}", document
    if number == 0 and path.stat().st_size > 0:
        raise ValueError("it holds no WARC record")


def _record_document(record: ArcWarcRecord, name: str, number: int) -> Document | None:
    content: bytes = record.content_stream().read()
    left = getattr(record.raw_stream, "limit", 0)
    if left > 0:
        raise EOFError(f"the file ends {left:,} bytes before record {number} does")
    if record.rec_type not in ("response", "conversion"):
        return None

    def header(key: str, *, of_page: bool = False) -> str:
        headers = record.http_headers if of_page else record.rec_headers
        return (headers.get_header(key) if headers else None) or ""

    declared = header("Content-Type", of_page=True)
    content_type = declared if record.rec_type == "response" else header("Content-Type") or "text/plain"
    kind = (header("WARC-Identified-Payload-Type") or content_type).partition(";")[0].strip().lower()
    if not kind and _HTML_START.match(content):
        kind = _HTML[0]
    if kind not in (*_HTML, "text/plain"):
        return None
    encoding = header("Content-Encoding", of_page=True)
    if encoding and _BINARY.search(content[:_SNIFFED]):
        raise ValueError(f"the content of record {number} is packed as {encoding}, and can't be unpacked")
    charset, date = _CHARSET.search(declared), header("WARC-Date")
    text = decode_page(content, charset[1] if charset else None)
    own = header("WARC-Record-ID").strip("<>") or f"{name}/{number}"
    return _document(text, own, {"date": date} if date else {}, header("WARC-Target-URI") or None, kind in _HTML)


@functools.lru_cache(maxsize=4)
def _load(name: str) -> Any:
    """A dataset of the hub, "owner/name", or "owner/name:split", loaded once in each process."""
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
            f"documents = {name!r} is neither a file nor a folder here, nor can it be loaded: {_one_line(error)}. "
            f'Write {KINDS} or "owner/name:split".'
        ) from None


def _splits(dataset: Any) -> dict[str, Any]:
    return dataset if isinstance(dataset, dict) else {"": dataset}


_READERS: Mapping[str, Callable[[Path, str], Iterator[Placed]]] = {
    **dict.fromkeys((".jsonl", ".jsonl.gz"), _json_lines),
    ".parquet": _parquet,
    **dict.fromkeys((".warc", ".warc.gz", ".wet", ".wet.gz"), _warc),
    **dict.fromkeys((".html", ".htm", ".html.gz"), _page),
    **dict.fromkeys((".txt", ".txt.gz"), _text),
}
