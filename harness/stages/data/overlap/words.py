"""Texts as the words that overlap is looked for in: without case, punctuation and layout, each with its place.

A character of Chinese or Japanese is a word: there are no spaces between what a reader would call one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

from harness.models.tokenization.characters import WORD_CHARACTERS

_HYPHENS = "-\u00ad\u2010"
_PIECE = re.compile(rf"\S+(?:(?<=\w[{_HYPHENS}])\r?\n[\s>]*\S+)*")
_LINE_ENDS = tuple(f"{hyphen}{end}" for hyphen in _HYPHENS for end in ("\n", "\r\n"))
_CHARACTER = re.compile(f"[{WORD_CHARACTERS}]")
# A character with the signs around it, and with the mark that is a letter of its own beside Katakana of half width.
_PART = re.compile(rf"\W*[{WORD_CHARACTERS}][\uff9e\uff9f]?\W*|[^{WORD_CHARACTERS}]+")
_SIGNS = re.compile(r"[^\w]|_")


@functools.lru_cache(maxsize=500_000)
def word_of(piece: str) -> str:
    """Return a piece of text as a word: its letters and digits in lower case; "" where there are none.

    A gram of Brown et al. (2020), appendix C, is made of such words: "a lower case, whitespace delimited word with no
    punctuation". Letters that Unicode calls compatible are one here.

    >>> word_of("Don't"), word_of("»FINE«"), word_of("--")
    ('dont', 'fine', '')
    """
    if piece.isascii() and piece.isalnum():
        return piece.lower()
    return _SIGNS.sub("", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).lower()))


def words_of(text: str) -> list[str]:
    """The words of a text.

    >>> words_of("> What is the\\n> end of a li-\\nne? 首都。")
    ['what', 'is', 'the', 'end', 'of', 'a', 'line', '首', '都']
    """
    return [word for word in map(word_of, _pieces(text)) if word]


def places_of(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of a text begins and ends, in characters."""
    parts = (part for piece in _PIECE.finditer(text) for part in _PART.finditer(text, *piece.span()))
    return (part.span() for part in parts if word_of(part.group()))


def spaced_parts(text: str) -> list[str]:
    """The parts of a text between spaces, of which each character that is a word is one of its own.

    >>> spaced_parts("a b-c 東京 -- d")
    ['a', 'b-c', '東', '京', '--', 'd']
    """
    return _parts(text, text.split())


def _pieces(text: str) -> list[str]:
    """Split a text into parts; a word that is divided at the end of a line stays one: hyphens are no part of words."""
    has_ends = any(end in text for end in _LINE_ENDS)
    return _parts(text, _PIECE.findall(text) if has_ends else text.split())


def _parts(text: str, pieces: list[str]) -> list[str]:
    if text.isascii() or _CHARACTER.search(text) is None:
        return pieces
    return [part for piece in pieces for part in _PART.findall(piece)]
