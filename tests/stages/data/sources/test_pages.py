"""A file of HTML or plain text is one document."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.errors import CorpusError
from harness.stages.data.sources import decode_page, open_source

GERMAN = "Die Straße führt über den Fluss, und die Häuser stehen schön am Ufer. " * 20


def test_a_text_is_one_document_without_its_mark_of_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeffA line.\nAnother.", encoding="utf-8")
    ((_, found),) = open_source("a.txt", tmp_path).documents()
    assert (found.id, found.text, found.metadata) == ("a.txt", "A line.\nAnother.", {})


def test_a_text_in_another_encoding_is_refused_with_the_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Stra\u00dfe".encode("latin1"))
    with pytest.raises(CorpusError, match=r"a\.txt: it can't be read: .*byte 0xdf in position 4.*iconv"):
        list(open_source("a.txt", tmp_path).documents())


def test_a_packed_page_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"<p>caf\xc3\xa9</p>"))
    ((_, found),) = open_source("a.html.gz", tmp_path).documents()
    assert (found.text, found.metadata) == ("<p>café</p>", {"is_html": True})


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (f"<p>{GERMAN}</p>".encode(), "latin1"),
        (f'<meta charset="iso-8859-15"><p>{GERMAN}</p>'.encode("latin1"), None),
        (f"<p>{GERMAN}</p>".encode("cp1252"), "windows-1252"),
        (f"<p>{GERMAN}</p>".encode("cp1252"), None),
        (f'<meta charset="no-such"><p>{GERMAN}</p>'.encode("cp1252"), "neither"),
    ],
    ids=["UTF-8 whatever is declared", "by its own word", "by the server's word", "by its bytes", "by no true word"],
)
def test_a_page_is_read_in_the_encoding_that_it_is_in(content: bytes, declared: str | None) -> None:
    assert GERMAN in decode_page(content, declared)


def test_no_page_is_lost_by_a_byte_that_is_no_text() -> None:
    assert decode_page(b"<p>a\x81\x8d\xff</p>", "ascii").startswith("<p>a")


@pytest.mark.parametrize("name", ["iso-8859-1", "Latin1", "US-ASCII"])
def test_who_declares_latin_1_means_windows_letters(name: str) -> None:
    content = f"<meta charset={name}><p>\u201cÇa va\u201d \u2014 oui.</p>".encode("cp1252")
    assert "\u201cÇa va\u201d \u2014 oui." in decode_page(content)


def test_bytes_of_ascii_alone_are_what_they_are_declared_as() -> None:
    content = b"<meta charset=iso-2022-jp><p>" + "日本語の文".encode("iso-2022-jp") + b"</p>"
    assert "日本語の文" in decode_page(content)
    assert decode_page(b"<meta charset=nothing><p>plain</p>").endswith("plain</p>")
