"""Pages and texts are taken out of WARC files; what is damaged is named by its record."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import CorpusError
from harness.stages.data.sources import Placed, open_source

PAGES = [
    ("http://a.org/", "text/html; charset=iso-8859-1", "<p>Stra\u00dfe</p>".encode("latin1"), "response"),
    ("http://a.org/logo.png", "image/png", b"\x89PNG", "response"),
    ("http://a.org/robots.txt", "text/plain", b"User-agent: *", "response"),
    ("http://a.org/extracted", "text/plain", b"A text of a WET file.", "conversion"),
    ("http://a.org/asked", "text/html", b"<p>asked</p>", "request"),
]


def read(path: Path) -> Iterator[Placed]:
    return open_source(path.name, path.parent).documents()


def warc_record(number: int, url: str, kind: str, content: bytes, record_type: str) -> bytes:
    """A record as ISO 28500 writes it."""
    is_http = record_type != "conversion"
    if is_http:
        header = f"Content-Type: {kind}\r\n" if kind else ""
        content = f"HTTP/1.1 200 OK\r\n{header}\r\n".encode() + content
    head = (
        f"WARC/1.0\r\nWARC-Type: {record_type}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: {url}\r\n"
        f"Content-Type: {'application/http; msgtype=response' if is_http else kind}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def write_warc(path: Path, pages: list[tuple[str, str, bytes, str]], *, is_packed: bool) -> Path:
    records = [warc_record(number, *page) for number, page in enumerate(pages)]
    path.write_bytes(b"".join(gzip.compress(record) if is_packed else record for record in records))
    return path


@pytest.mark.parametrize("is_packed", [False, True])
def test_pages_and_texts_are_documents_and_the_rest_is_not(tmp_path: Path, is_packed: bool) -> None:
    path = write_warc(tmp_path / "a.warc", PAGES, is_packed=is_packed)
    documents = [document for _, document in read(path)]
    found = [(each.id, each.metadata["url"], "is_html" in each.metadata, each.text) for each in documents]
    assert found == [
        ("urn:uuid:0", "http://a.org/", True, "<p>Straße</p>"),
        ("urn:uuid:2", "http://a.org/robots.txt", False, "User-agent: *"),
        ("urn:uuid:3", "http://a.org/extracted", False, "A text of a WET file."),
    ]


def test_a_page_says_when_it_was_fetched_and_where_it_stands(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc.gz", PAGES[:1], is_packed=True)
    ((place, found),) = read(path)
    assert (found.metadata["date"], place) == ("2026-01-01T00:00:00Z", "a.warc.gz, record 1")


def test_a_record_without_an_address_is_refused_with_its_place(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc", PAGES[:2], is_packed=False)
    path.write_bytes(path.read_bytes().replace(b"WARC-Target-URI: http://a.org/logo.png\r\n", b""))
    with pytest.raises(CorpusError, match=r"a\.warc: after 1 documents it can't be read: .*Fetch the file again"):
        list(read(path))


def test_a_file_that_ends_within_a_record_is_refused(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc", [("http://a.org/", "text/html", b"x" * 50_000, "response")], is_packed=False)
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(
        CorpusError, match=r"a\.warc: it can't be read: the file ends [\d,]+ bytes before record 1 does"
    ):
        list(read(path))


def test_a_packed_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    path = write_warc(
        tmp_path / "a.warc.gz",
        [(f"http://a.org/{n}", "text/html", content, "response") for n in range(3)],
        is_packed=True,
    )
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(CorpusError, match=r"a\.warc\.gz: after [12] documents it can't be read: "):
        list(read(path))


@pytest.mark.parametrize(
    "content", [b"no WARC at all\n" * 10, gzip.compress(b"no WARC at all\n" * 10, mtime=0), b"\x1f\x8b\xff\xff"]
)
def test_what_is_no_warc_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.warc\.gz"):
        list(read(path))


LONG = b"<p>" + " ".join(f"word {n}" for n in range(20_000)).encode() + b"</p>"
PACKED = gzip.compress(LONG, mtime=0)


def encoded(path: Path, encoding: str, content: bytes) -> Path:
    kind = f"text/html\r\nContent-Encoding: {encoding}"
    return write_warc(path, [("http://a.org/", kind, content, "response")], is_packed=False)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", b"\x1f\x8b\x08\x00" + b"\0" * 400),
        ("zstd", b"\x28\xb5\x2f\xfd" + PACKED),
    ],
)
def test_a_page_that_can_not_be_unpacked_is_refused(tmp_path: Path, encoding: str, content: bytes) -> None:
    path = encoded(tmp_path / "a.warc", encoding, content)
    with pytest.raises(
        CorpusError, match=rf"a\.warc: it can't be read: the content of record 1 is packed as {encoding}, and can't"
    ):
        list(read(path))


@pytest.mark.parametrize(
    ("encoding", "content"), [("gzip", PACKED), ("gzip", LONG), ("deflate", zlib.compress(LONG)), ("utf-8", LONG)]
)
def test_what_is_packed_is_unpacked_and_text_is_kept_as_it_is(tmp_path: Path, encoding: str, content: bytes) -> None:
    ((_, found),) = read(encoded(tmp_path / "a.warc", encoding, content))
    assert found.text == LONG.decode()


def test_a_page_that_does_not_say_what_it_is_is_known_by_its_beginning(tmp_path: Path) -> None:
    pages = [
        ("http://a.org/", "", b"\n<!-- made by hand -->\n<!DOCTYPE html><p>page</p>", "response"),
        ("http://a.org/logo", "", b"\x89PNG <html>", "response"),
    ]
    found = list(read(write_warc(tmp_path / "a.warc", pages, is_packed=False)))
    assert [each.metadata["url"] for _, each in found] == ["http://a.org/"]
