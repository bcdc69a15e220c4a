"""Columns that may drift, such as length and language, added up by blocks of documents."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from harness.stages.data.outcomes import CorpusDocument
from harness.stages.data.overlap.words import spaced_parts, word_of
from harness.statistics.arrays import FloatArray

HashArray = npt.NDArray[np.uint64]
COLUMNS = ("length", "language", "source", "ngrams", "embedding")
"""The columns that may drift."""

BLOCKS = 30
"""Blocks that documents fall into by their ids: a document that both versions have is in one block of both."""
_PAIR_BITS = 12
_WORD_BITS = 8
_FEATURES = 128
SQUARES = "squares"
"""The name of the sum of squares among those of an embedding."""
_MIXED = np.uint64(0x9E3779B97F4A7C15)
_SEED = 20_260_101
_TOLD_BY = 1000
"""Characters by which the language of a text is told."""


@dataclass(frozen=True, slots=True)
class ColumnSums:
    """One column of one version, added up by blocks.

    Attributes:
        documents: (n_blocks,) how many each block has.
        sums: (n_blocks, n_names) of what `names` stand for: documents of a value, pairs of words, coordinates.
        names: of the sums, in their order.
    """

    documents: FloatArray
    sums: FloatArray
    names: tuple[Any, ...]

    def halves(self) -> tuple[ColumnSums, ColumnSums]:
        """The first half of the rows, and the second."""
        middle = len(self.documents) // 2
        return (
            ColumnSums(self.documents[:middle], self.sums[:middle], self.names),
            ColumnSums(self.documents[middle:], self.sums[middle:], self.names),
        )

    def together(self) -> ColumnSums:
        """Both halves of the rows as one."""
        first, second = self.halves()
        return ColumnSums(first.documents + second.documents, first.sums + second.sums, self.names)


def add_up(documents: Iterable[CorpusDocument]) -> Mapping[str, ColumnSums]:
    """All columns of a version, in one pass: by the blocks of one half of the documents, and those of the other.

    Args:
        documents: of the version, each with an id of its own.
    """
    columns: Mapping[str, _Column] = {
        "length": _Values(_length),
        "language": _Values(_language),
        "source": _Values(_source),
        "ngrams": _Pairs(),
        "embedding": _Embedding(),
    }
    n_documents, numbers = np.zeros(2 * BLOCKS), _Numbers()
    for document in documents:
        row, words = _row_of(document.id), numbers.of(document.text)
        n_documents[row] += 1
        for column in columns.values():
            column.add(row, document, words)
    return {name: ColumnSums(n_documents, *column.sums()) for name, column in columns.items()}


def block_of(document_id: str) -> int:
    """The block of a document, by its id alone: as good as drawn, and the same in each version.

    >>> block_of("a"), block_of("b")
    (22, 28)
    """
    return _row_of(document_id) % BLOCKS


def _row_of(document_id: str) -> int:
    """The block of a document, or, for one of the second half, as many further as there are blocks."""
    digest = hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"drift").digest()
    number = int.from_bytes(digest, "big")
    return number % BLOCKS + BLOCKS * (number >> 63)


def aligned(first: ColumnSums, second: ColumnSums) -> tuple[FloatArray, FloatArray, tuple[Any, ...]]:
    """The sums of two versions over the same names, in the order of the names."""
    if first.names == second.names:
        return first.sums, second.sums, first.names
    names = tuple(sorted({*first.names, *second.names}))
    place = {name: number for number, name in enumerate(names)}
    found = []
    for each in (first, second):
        sums = np.zeros((len(each.sums), len(names)))
        sums[:, [place[name] for name in each.names]] = each.sums
        found.append(sums)
    return found[0], found[1], names


class _Column(Protocol):
    """Adds up a column."""

    def add(self, row: int, document: CorpusDocument, words: HashArray) -> None:
        """Add what a document has; its words are numbers."""

    def sums(self) -> tuple[FloatArray, tuple[Any, ...]]:
        """Return the sums of each row, and their names."""


class _Values:
    """A column of which each document has one value."""

    def __init__(self, value: Callable[[CorpusDocument], Any]) -> None:
        self._value = value
        self._counts: list[Counter[Any]] = [Counter() for _ in range(2 * BLOCKS)]

    def add(self, row: int, document: CorpusDocument, words: HashArray) -> None:  # noqa: ARG002
        self._counts[row][self._value(document)] += 1

    def sums(self) -> tuple[FloatArray, tuple[Any, ...]]:
        names = tuple(sorted(set().union(*self._counts)))
        rows = [[counts[name] for name in names] for counts in self._counts]
        return np.array(rows, dtype=np.float64).reshape(2 * BLOCKS, -1), names


def _length(document: CorpusDocument) -> int:
    return len(spaced_parts(document.text))


def _language(document: CorpusDocument) -> str:
    """The likeliest language of a text's beginning, by one model for all versions, whatever steps have noted."""
    from harness.stages.data.steps.language import language_scores

    text = document.text[:_TOLD_BY].strip()
    return next(iter(language_scores(text)), "unknown") if text else "unknown"


def _source(document: CorpusDocument) -> str:
    """Return the source that the document's metadata name, else the host of its address."""
    given = document.metadata.get("source")
    return str(given) if given is not None else urlsplit(document.url or "").hostname or "unknown"


class _Pairs:
    """Pairs of neighbouring words, in 4,096 groups by a hash: what groups tell of a drift is never more than it is."""

    def __init__(self) -> None:
        self._sums = np.zeros((2 * BLOCKS, 1 << _PAIR_BITS))

    def add(self, row: int, document: CorpusDocument, words: HashArray) -> None:  # noqa: ARG002
        if len(words) > 1:
            mixed = (words[:-1] * _MIXED + words[1:]) * _MIXED
            groups = (mixed >> np.uint64(64 - _PAIR_BITS)).astype(np.int64)
            self._sums[row] += np.bincount(groups, minlength=1 << _PAIR_BITS)

    def sums(self) -> tuple[FloatArray, tuple[Any, ...]]:
        return self._sums, tuple(range(1 << _PAIR_BITS))


class _Embedding:
    """Kernel features of texts, added up: their mean is the same where the distribution of the texts is.
    The last sum is that of their squares.

    A text is the vector of its words' hashed counts, 1 + log(count) each, of length 1 (K. Weinberger et al., 2009,
    Feature hashing for large scale multitask learning). Its features are random Fourier features of a Gaussian kernel
    of width 1 (A. Rahimi, B. Recht, 2007, Random features for large-scale kernel machines).
    """

    def __init__(self) -> None:
        generator = np.random.default_rng(_SEED)
        self._directions = generator.standard_normal((1 << _WORD_BITS, _FEATURES))
        self._phases = generator.uniform(0.0, 2 * np.pi, _FEATURES)
        self._sums = np.zeros((2 * BLOCKS, _FEATURES + 1))

    def add(self, row: int, document: CorpusDocument, words: HashArray) -> None:  # noqa: ARG002
        features = np.sqrt(2 / _FEATURES) * np.cos(_vector(words) @ self._directions + self._phases)
        self._sums[row, :-1] += features
        self._sums[row, -1] += features @ features

    def sums(self) -> tuple[FloatArray, tuple[Any, ...]]:
        return self._sums, (*range(_FEATURES), SQUARES)


def _vector(words: HashArray) -> FloatArray:
    """A text as a vector of length 1; one without words is 0."""
    found, counts = np.unique(words * _MIXED, return_counts=True)
    groups = (found >> np.uint64(64 - _WORD_BITS)).astype(np.int64)
    signs = np.where(found >> np.uint64(55 - _WORD_BITS) & np.uint64(1), 1.0, -1.0)
    vector = np.bincount(groups, weights=signs * (1 + np.log(counts)), minlength=1 << _WORD_BITS)
    length = np.linalg.norm(vector)
    return np.asarray(vector / length if length else vector, dtype=np.float64)


class _Numbers(dict[str, int]):
    """Words as numbers that are the same in every process."""

    def of(self, text: str) -> HashArray:
        """The numbers of a text's words."""
        pieces = spaced_parts(text)
        found = np.fromiter(map(self.__getitem__, pieces), dtype=np.uint64, count=len(pieces))
        return found[found > 0]

    def __missing__(self, piece: str) -> int:
        if len(self) >= 1_000_000:
            self.clear()
        word = word_of(piece)
        found = self[piece] = zlib.crc32(word.encode("utf-8", "surrogatepass")) + 1 if word else 0
        return found
