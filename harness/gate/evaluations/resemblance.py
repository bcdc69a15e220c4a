"""Finds the cases of an evaluation that are copies of each other, by what is written in them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.gate.evaluations.contents import plain
from harness.records import Case

_FEWEST_WORDS = 3
"""A shorter text is compared as it is: `HELLO` and `hello` may be what is asked for."""
_LONG = 49
"""Words of a long text. One more leaves it a Jaccard similarity of 0.9 of its shingles of three words, or more."""
_MOST_WORDS = 2_000
"""Longer texts are copies where they are equal."""
_SENTENCE_WORDS = 4
"""A repeated sentence of so many words counts once."""
_NEGATIONS = frozenset(
    ("no", "not", "none", "never", "neither", "nor", "without", "kein", "nicht", "nie", "ne", "pas", "non")
)
"""A word that is never idle, however long the text."""

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "\u00ad": None})
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹₀-₉]+")
_SENTENCE_ENDS = re.compile(r"(?<=[.?!。])\s+|\n+")
_MARKS = ".,;:?!…。"
_ODD = 0x9E3779B97F4A7C15
_INVERSE = pow(_ODD, -1, 1 << 64)
_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Copies:
    """The cases of an evaluation that are copies.

    Attributes:
        labels: of each case the id of the first that it is a copy of, its own where it is none.
        example: the ids of two that are copies of each other.
    """

    labels: tuple[str, ...]
    example: tuple[str, str]

    @property
    def n_distinct(self) -> int:
        """The number of cases that are left where copies count once."""
        return len(set(self.labels))


def find_copies(cases: Sequence[Case], fields: Collection[str] | None = None) -> Copies | None:
    """The cases that are copies of each other; None where there are none.

    Two cases are copies where all their fields but the id are equal, what is expected among them. In texts of three
    words and more, case, spaces, Unicode forms, marks at the end of words, and sentences that are there twice make no
    difference; nor does one idle word more in texts of 49 words and more. One word in place of another always does, as
    do digits and signs: "2 + 3" is no copy of "2 + 4", nor is one country of another in the same question, however
    long. Cases that have no text of three words are never copies.

    Args:
        fields: those that the body reads; None where that is not known. A text that is the same in all cases is then
            no sign of a copy, for it may be the id that is asked about.

    Examples:
        >>> prompts = ["Which river is in Rome?", "which river  is in ROME", "Which river is in Ulm?"]
        >>> find_copies([Case({"id": str(i), "prompt": prompt}) for i, prompt in enumerate(prompts)]).labels
        ('0', '0', '2')
    """
    idle = _constant(cases) if fields is None else frozenset[str]()
    firsts: dict[tuple[str, tuple[str, ...]], int] = {}
    rough: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
    roots = list(range(len(cases)))
    for number, case in enumerate(cases):
        told = _CaseText()
        try:
            rest = told.form({name: case[name] for name in case if name != "id" and (fields is None or name in fields)})
        except (TypeError, ValueError, RecursionError):
            continue
        if told.spoken <= idle:
            continue
        roots[number] = first = firsts.setdefault((rest, tuple(told.folded)), number)
        if first == number and told.long:
            rough[rest].append((number, told.words))
    for group in rough.values():
        for one, other in _nearly_equal(group):
            _join(roots, one, other)
    return _copies(cases, [_root(roots, number) for number in range(len(cases))])


def _copies(cases: Sequence[Case], roots: Sequence[int]) -> Copies | None:
    again = next((number for number, root in enumerate(roots) if root != number), None)
    if again is None:
        return None
    return Copies(tuple(cases[root].id for root in roots), (cases[roots[again]].id, cases[again].id))


def _constant(cases: Sequence[Case]) -> frozenset[str]:
    """The fields whose text is the same in all cases."""
    first = cases[0] if cases else ()
    return frozenset(
        name
        for name in first
        if isinstance(cases[0][name], str) and all(name in case and case[name] == cases[0][name] for case in cases)
    )


class _CaseText:
    """The texts of one case.

    Attributes:
        long: its long texts, word for word as they are spelled.
        folded: the same without capitals, each in one.
        spoken: the names of the fields that have a text of some words.
    """

    __slots__ = ("_has_words", "folded", "long", "spoken")

    def __init__(self) -> None:
        self.long: list[list[str]] = []
        self.folded: list[str] = []
        self.spoken: set[str] = set()
        self._has_words = False

    def form(self, fields: Mapping[str, Any]) -> str:
        """All of it in one text that copies share, long texts left out."""
        found = {}
        for name, value in fields.items():
            self._has_words = False
            found[name] = self._value(value)
            if self._has_words:
                self.spoken.add(name)
        return json.dumps(found, sort_keys=True, default=plain)

    @property
    def words(self) -> list[str]:
        """The words of all long texts; those that may be names keep their capital."""
        return [word for text in self.long for word in ("\n", *text)]

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {str(name): self._value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(each) for each in value]
        return value

    def _text(self, text: str) -> Any:
        words = _words(text)
        if len(words) < _FEWEST_WORDS:
            return ["as it is", unicodedata.normalize("NFC", text.strip())]
        self._has_words = True
        folded = " ".join(words).casefold()
        if len(words) < _LONG:
            return folded
        self.long.append([words[0].lower(), *words[1:]])
        self.folded.append(folded)
        return None


def _words(text: str) -> list[str]:
    """The words of a text, without what makes no difference but their capitals."""
    if not text.isascii():
        text = _RAISED.sub(lambda raised: f"^{raised[0]}", text)
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    sentences = _SENTENCE_ENDS.split(text.strip())
    return _unmarked(text) if len(sentences) == 1 else list(_once(sentences))


def _unmarked(text: str) -> list[str]:
    words = [_bare(word) if word[-1] in _MARKS else word for word in text.split()]
    if len(words) > 1 and words[-1] in ("?", "!", "."):
        words.pop()
    return words


def _bare(word: str) -> str:
    """A word without the marks at its end; "!" stays after a number or a single letter, and marks that stand alone."""
    bare = word.rstrip(_MARKS)
    if len(bare) < 2 or not bare[-2:].isalpha():
        bare = word.rstrip(_MARKS.replace("!", ""))
    return bare or word


def _once(sentences: Iterable[str]) -> Iterator[str]:
    """The words of sentences, each of these once."""
    seen: set[str] = set()
    for sentence in sentences:
        words = _unmarked(sentence)
        known = " ".join(words).casefold()
        if len(words) < _SENTENCE_WORDS or known not in seen:
            seen.add(known)
            yield from words


def _nearly_equal(texts: Sequence[tuple[int, list[str]]]) -> Iterator[tuple[int, int]]:
    """Pairs of texts of which one has an idle word more, or each has one that the other lacks, at another place.

    Every text is hashed whole and without each of its idle words; what shares a hash is looked at. So it takes time in
    proportion to the words, whatever the texts share: of a thousand questions behind one long instruction, MinHash
    would call each pair alike. Words at one place stand for each other, as those that a template is filled with do,
    and then none of its texts is a copy.
    """
    texts = [text for text in texts if len(text[1]) <= _MOST_WORDS]
    if len(texts) < 2:
        return
    known: dict[str, int] = {}
    numbers = [np.array([known.setdefault(word, len(known)) for word in words]) for _, words in texts]
    values, is_idle = _of_words(list(known))
    powers = _powers(max(map(len, numbers)) + 1)
    rows, places, hashes = [], [], []
    for row, own in enumerate(numbers):
        idle = np.flatnonzero(is_idle[own])
        hashes.append(_hashes(values[own], powers, idle))
        rows.append(np.full(len(idle) + 1, row))
        places.append(np.concatenate([[-1], idle]))
    everything = np.concatenate(hashes), np.concatenate(rows), np.concatenate(places)
    for group in _sharing(*everything):
        seen = {place for _, place in group}
        if len(seen) == len(group) and len({_without(texts[row][1], place) for row, place in group}) == 1:
            first, *others = (texts[row][0] for row, _ in group)
            yield from ((first, other) for other in others)


def _sharing(hashes: _Hashes, rows: npt.NDArray[Any], places: npt.NDArray[Any]) -> Iterator[list[tuple[int, int]]]:
    """Row and place of what has the same hash, where that is more than one row; the first place of each row."""
    order = np.argsort(hashes, kind="stable")
    hashes, rows, places = hashes[order], rows[order], places[order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    ends = np.concatenate([starts[1:], [len(hashes)]])
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        first: dict[int, int] = {}
        for row, place in zip(rows[start:end].tolist(), places[start:end].tolist(), strict=True):
            first.setdefault(row, place)
        if len(first) > 1:
            yield list(first.items())


def _of_words(words: Sequence[str]) -> tuple[_Hashes, npt.NDArray[np.bool_]]:
    """A random number for each word, the same whatever its capitals, and whether it is idle."""
    folded: dict[str, int] = {}
    numbers = np.array([folded.setdefault(word.casefold(), len(folded)) for word in words])
    values = np.random.default_rng(0).integers(0, 1 << 63, len(folded), dtype=np.uint64)
    return values[numbers], np.array([_is_idle(word) for word in words])


def _hashes(values: _Hashes, powers: _Hashes, idle: npt.NDArray[Any]) -> _Hashes:
    """Of a text, and of it without each of its idle words: polynomials modulo 2^64."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values * powers[: len(values)], dtype=np.uint64)])
    without = sums[idle] + (sums[-1] - sums[idle + 1]) * np.uint64(_INVERSE)
    return np.concatenate([sums[-1:], without])


def _powers(n: int) -> _Hashes:
    powers = np.full(n, _ODD, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _without(words: list[str], place: int) -> str:
    return " ".join(words if place < 0 else [*words[:place], *words[place + 1 :]]).casefold()


def _is_idle(word: str) -> bool:
    """Tell whether a word may be left out of a long text: no name, number or negation."""
    return word.isalpha() and not word[0].isupper() and word not in _NEGATIONS


def _root(roots: list[int], number: int) -> int:
    while roots[number] != number:
        number = roots[number]
    return number


def _join(roots: list[int], one: int, other: int) -> None:
    """Make two groups one, under the first of their cases."""
    first, last = sorted((_root(roots, one), _root(roots, other)))
    roots[last] = first
