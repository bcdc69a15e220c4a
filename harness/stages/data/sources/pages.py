"""Files that are a document each: pages of HTML and plain texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import CorpusError
from harness.stages.data.sources.document import SourceDocument
from harness.stages.data.sources.rows import opened

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_HEAD_BYTES = 4096
_MEANT = dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii"), "cp1252")
"""Encodings that mean Windows' cp1252 in pages, with its dashes and quotes (WHATWG's Encoding Standard)."""


def read_page(path: Path, name: str) -> Iterator[SourceDocument]:
    """The one document of a file of HTML."""
    with opened(path, name) as file:
        content = file.read()
    yield SourceDocument(name, decode_page(content), is_html=True, place=name)


def read_text(path: Path, name: str) -> Iterator[SourceDocument]:
    """The one document of a file of plain text in UTF-8.

    Raises:
        CorpusError: it is in another encoding, which nothing in it would tell.
    """
    with opened(path, name) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name}: byte {error.start + 1}, 0x{content[error.start]:02x}, is no UTF-8. Convert the file, for example "
            "with: iconv -f latin1 -t utf-8"
        ) from None
    yield SourceDocument(name, text, place=name)


def decode_page(content: bytes, declared: str | None = None) -> str:
    """The text of a page: UTF-8 where it is, else in the encoding that it declares, else in the likeliest.

    Bytes that are no text in that encoding become replacement characters, so that no page is lost by one of them.

    Args:
        declared: the encoding that the server named.
    """
    found = _META.search(content[:_HEAD_BYTES])
    named = [name for name in (declared, found and found[1].decode("ascii", "replace")) if name]
    meant = [_MEANT.get(name.lower(), name) for name in named]
    # Bytes of ASCII alone may still be Japanese: ISO-2022-JP shifts between alphabets by them.
    for encoding in [*meant, "utf-8"] if content.isascii() else ["utf-8-sig", *meant]:
        text = _strictly(content, encoding)
        if text is not None:
            return text
    text = _strictly(content, _likeliest(content) or "utf-8")
    return content.decode("utf-8", "replace") if text is None else text


def _strictly(content: bytes, encoding: str) -> str | None:
    """The text where every byte is one of the encoding; None where one is not, or there is no such encoding."""
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _likeliest(content: bytes) -> str | None:
    import cchardet

    found: str | None = cchardet.detect(content[:1_000_000])["encoding"]
    return found
