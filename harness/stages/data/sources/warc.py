"""Records of WARC files: the pages of a crawl (`response`), or their texts (`conversion`, as WET files have them)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CorpusError
from harness.stages.data.sources.document import SourceDocument, one_line
from harness.stages.data.sources.pages import decode_page

if TYPE_CHECKING:
    from warcio.recordloader import ArcWarcRecord

_HTML = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(?><!--.*?-->)\s*)*<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Bytes that no text has. Source: WHATWG, MIME Sniffing, "binary data byte"; it looks at the first 1,445 bytes."""
_SNIFFED = 1445
_AGAIN = "Fetch the file again; what stands before the damage can be kept with: warcio recompress FILE NEW"


def read_warc(path: Path, name: str) -> Iterator[SourceDocument]:
    """The pages of HTML and the plain texts of a WARC file; records of other kinds are no documents.

    Raises:
        CorpusError: the file is damaged or ends too early, or a page can't be unpacked; named by the record.
    """
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    number = 0
    try:
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                number += 1
                document = _document(record, name, number)
                if document is not None:
                    yield document
    except (ArchiveLoadFailed, AttributeError, EOFError, TypeError, ValueError, zlib.error) as error:
        said = f"it can't be read as WARC: {one_line(error)}"
        raise CorpusError(f"{name}, after record {number}: {said}. {_AGAIN}") from None
    except OSError as error:
        raise CorpusError(f"{name}: it can't be read: {error.strerror or error}.") from None
    if number == 0 and path.stat().st_size > 0:
        raise CorpusError(f"{name}: it holds no WARC record. {_AGAIN}")


def _document(record: ArcWarcRecord, name: str, number: int) -> SourceDocument | None:
    place = f"{name}, record {number}"
    is_page = record.rec_type == "response"
    content = _content(record, place)
    if record.rec_type not in ("response", "conversion"):
        return None
    headers = record.rec_headers
    declared = (record.http_headers.get_header("Content-Type") if record.http_headers else None) or ""
    kind = headers.get_header("WARC-Identified-Payload-Type") or (
        declared if is_page else headers.get_header("Content-Type") or "text/plain"
    )
    kind = kind.partition(";")[0].strip().lower()
    if not kind and _HTML_START.match(content):
        kind = _HTML[0]
    if kind not in (*_HTML, "text/plain"):
        return None
    encoding = (record.http_headers.get_header("Content-Encoding") if record.http_headers else None) or ""
    if encoding and _BINARY.search(content[:_SNIFFED]):
        raise CorpusError(
            f"{place}: its content is packed as {encoding} and can't be unpacked: it is damaged, or nothing here "
            f"unpacks {encoding}. {_AGAIN}"
        )
    charset = _CHARSET.search(declared)
    url = headers.get_header("WARC-Target-URI")
    date = headers.get_header("WARC-Date")
    own = (headers.get_header("WARC-Record-ID") or "").strip("<>")
    metadata: dict[str, Any] = {"date": date} if date else {}
    text = decode_page(content, charset[1] if charset else None)
    return SourceDocument(own or f"{name}/{number}", text, kind in _HTML, url, metadata, place)


def _content(record: ArcWarcRecord, place: str) -> bytes:
    """The record's content, read to its end.

    Raises:
        CorpusError: the file ends before it.
    """
    content: bytes = record.content_stream().read()
    left = record.raw_stream.limit if hasattr(record.raw_stream, "limit") else 0
    if left > 0:
        raise CorpusError(f"{place}: the file ends {left:,} bytes before the record does. {_AGAIN}")
    return content
