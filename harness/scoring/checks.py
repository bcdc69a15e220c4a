"""Checks of a text against what is expected: pure functions for the bodies of evaluations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_QUOTES = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"'})
_NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|,\d)")


def normalised(text: str) -> str:
    """The text without what seldom matters: case, accents, curly quotes, repeated white space.

    >>> normalised("  São\\n Tomé’s ")
    "sao tome's"
    """
    parts = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    return " ".join("".join(part for part in parts if not unicodedata.combining(part)).casefold().split())


def contains_word(text: str, expected: str | Iterable[str], *, case_sensitive: bool = False) -> bool:
    """Whether the text holds one of the expected words or phrases, whole: "Lima" is not in "Limassol".

    Args:
        text: the answer.
        expected: a word or phrase, or several of which one is enough.
        case_sensitive: compare the texts as they are; otherwise both are `normalised`.

    Raises:
        ValueError: nothing is expected, or an expected word is blank: the check could not fail, or not pass.

    >>> contains_word("The capital of Peru is Lima.", "Lima")
    True
    >>> contains_word("It is Yaounde", ["Yaoundé", "Yaunde"])
    True
    >>> contains_word("It lies near Limassol.", "Lima")
    False
    """
    words = (expected,) if isinstance(expected, str) else tuple(expected)
    if not words or not all(word.strip() for word in words):
        raise ValueError(f"expected = {expected!r} holds no word to look for; give a word, or a list of words.")
    if not case_sensitive:
        text, words = normalised(text), tuple(normalised(word) for word in words)
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


def numbers(text: str) -> list[float]:
    """All numbers of the text in order. Digits within a word ("H2O", "1st") are none.

    >>> numbers("7 + 5 = 12.")
    [7.0, 5.0, 12.0]
    >>> numbers("from -3 to 1,250.5")
    [-3.0, 1250.5]
    """
    return [float(found.replace(",", "").replace("−", "-")) for found in _NUMBER.findall(text)]


def last_number(text: str) -> float | None:
    """The last number of the text, None where it holds none. An answer that spells out a sum ends in its result.

    >>> last_number("7 + 5 = 12.")
    12.0
    >>> last_number("twelve") is None
    True
    """
    found = numbers(text)
    return found[-1] if found else None
