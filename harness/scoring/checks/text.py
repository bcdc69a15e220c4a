"""Checks of a text against a text: exact, normalised, by pattern, contained."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Literal, get_args

from harness.errors import CheckError, choices
from harness.records import Score
from harness.scoring.checks.given import answer_text, listed, references, shown

Difference = Literal["case", "accents", "punctuation", "articles"]
Expected = str | Iterable[str]

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"', "−": "-"})
_ARTICLES = frozenset(("a", "an", "the"))
_MEANINGFUL = frozenset("#%&@/\\_")
_JOINING = frozenset("'.")
_OVERLOOKED: tuple[Difference, ...] = ("case", "accents")


def normalise(text: str, ignore: Collection[Difference] = ("case", "punctuation", "articles")) -> str:
    """The text without what seldom matters. Unicode forms (NFKC), curly quotes and white space never do.

    Args:
        text: any text.
        ignore: what else does not matter. "accents" takes marks off letters. "punctuation" leaves what belongs to a
            number ("-3.5", "10:30") and `# % & @ / \\ _`, which carry meaning. "articles" are a, an and the. What would
            leave nothing is left alone, so that "A" stays an answer.

    Raises:
        CheckError: `ignore` names something else.

    >>> normalise("  The  “Eiffel Tower”, Paris! ")
    'eiffel tower paris'
    >>> normalise("São Tomé’s", ignore=["case", "accents"])
    "sao tome's"
    >>> normalise("A.")
    'a'
    """
    for name in ignore:
        if name not in get_args(Difference):
            raise CheckError(f"normalise: {choices('difference', str(name), get_args(Difference))}")
    text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    if "case" in ignore:
        text = unicodedata.normalize("NFKC", text.casefold())
    if "accents" in ignore:
        parts = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFKC", "".join(part for part in parts if not unicodedata.combining(part)))
    words = text.split()
    if "punctuation" in ignore:
        words = _without_punctuation(" ".join(words)).split() or words
    if "articles" in ignore:
        words = [word for word in words if word.casefold() not in _ARTICLES] or words
    return " ".join(words)


def _without_punctuation(text: str) -> str:
    kept = []
    for place, sign in enumerate(text):
        if sign in _MEANINGFUL or not (unicodedata.category(sign)[0] == "P" or sign in "`´"):
            kept.append(sign)
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        in_number = after.isdigit() and (before.isdigit() or (sign == "-" and not before.isalnum()))
        kept.append(sign if in_number else "" if sign in _JOINING else " ")
    return "".join(kept)


def exact(answer: str, expected: Expected) -> Score:
    """1 where the answer is the expected text, or one of several, to the last character.

    >>> exact("Paris", "Paris").value
    1.0
    >>> exact("Paris.", ["Paris", "paris"]).reason
    "'Paris.' is not 'Paris' or 'paris'"
    """
    texts = references(expected, "exact", blank=True)
    text = answer_text(answer, "exact")
    return Score(1.0) if text in texts else Score(0.0, f"{shown(text)} is not {listed(texts)}")


def normalised(answer: str, expected: Expected) -> Score:
    """1 where the answer is the expected text, or one of several, once both are normalised (see `normalise`).

    >>> normalised("The Eiffel Tower!", "eiffel tower").value
    1.0
    """
    texts = references(expected, "normalised", blank=True)
    text = normalise(answer_text(answer, "normalised"))
    wanted = tuple(dict.fromkeys(map(normalise, texts)))
    return Score(1.0) if text in wanted else Score(0.0, f"{shown(text)} is not {listed(wanted)}")


def matches(answer: str, pattern: str | re.Pattern[str]) -> Score:
    """1 where a regular expression is found in the answer.

    Args:
        answer: the answer.
        pattern: as the module `re` writes it; flags inside, as in `(?i)yes`, or a compiled pattern.

    Raises:
        CheckError: the pattern is no regular expression.

    >>> matches("It is 12 o'clock.", r"\\d+ o'clock").value
    1.0
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise CheckError(f"matches: {shown(pattern)} is no regular expression: {error}.") from None
    text = answer_text(answer, "matches")
    return Score(1.0) if compiled.search(text) else Score(0.0, f"{compiled.pattern!r} is not in {shown(text)}")


def contains(answer: str, expected: Expected, *, whole_words: bool = True) -> Score:
    """1 where the answer holds an expected word or phrase, whole: "Lima" is not in "Limassol".

    Case and accents do not matter, nor what `normalise` overlooks in any text.

    Args:
        answer: the answer.
        expected: a word or phrase, or several of which one is enough.
        whole_words: False finds parts of words too, as languages need that write no spaces.

    Raises:
        CheckError: nothing is expected, or a word is blank: the check could not fail, or not pass.

    >>> contains("It is Yaounde.", ["Yaoundé", "Yaunde"]).value
    1.0
    >>> contains("It lies near Limassol.", "Lima").reason
    "'It lies near Limassol.' lacks 'Lima'"
    """
    texts = references(expected, "contains")
    given = answer_text(answer, "contains")
    normal = normalise(given, _OVERLOOKED)
    is_there = any(_holds(normal, normalise(text, _OVERLOOKED), whole_words) for text in texts)
    return Score(1.0) if is_there else Score(0.0, f"{shown(given)} lacks {listed(texts)}")


def _holds(text: str, word: str, whole_words: bool) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)) if whole_words else word in text
