"""Columns that may drift, such as length and language, added up by blocks of documents."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from harness.stages.data.outcomes import CorpusDocument
from harness.stages.data.overlap.words import spaced_parts, words_of
from harness.statistics.arrays import FloatArray

BLOCKS = 30
"""Blocks that documents fall into by their ids: a document that both versions have is in one block of both."""
_PAIR_BITS = 12
_TOLD_BY = 1000
"""Characters by which the language of a text is told."""


@dataclass(frozen=True, slots=True)
class ColumnSums:
    """One column of one version, added up by blocks.

    Attributes:
        documents: (n_blocks,) how many each block has.
        sums: (n_blocks, n_names) how often each block has what `names` stand for: documents of a value, pairs of words.
        names: of the sums, in rising order.
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


def _length(document: CorpusDocument) -> Counter[Any]:
    return Counter([len(spaced_parts(document.text))])


def _language(document: CorpusDocument) -> Counter[Any]:
    """The likeliest language of a text's beginning, by one model for all versions, whatever steps have noted."""
    from harness.stages.data.steps.language import language_scores

    text = document.text[:_TOLD_BY].strip()
    return Counter([next(iter(language_scores(text)), "unknown") if text else "unknown"])


def _source(document: CorpusDocument) -> Counter[Any]:
    """The source that the document's metadata name, else the host of its address."""
    given = document.metadata.get("source")
    return Counter([str(given) if given is not None else urlsplit(document.url or "").hostname or "unknown"])


def _pairs(document: CorpusDocument) -> Counter[Any]:
    """Pairs of neighbouring words, in 4,096 groups by a hash: what groups tell of a drift is never more than it is."""
    pairs = (f"{one} {other}".encode("utf-8", "surrogatepass") for one, other in pairwise(words_of(document.text)))
    return Counter(zlib.crc32(pair) >> (32 - _PAIR_BITS) for pair in pairs)


_COLUMNS: Mapping[str, Callable[[CorpusDocument], Counter[Any]]] = {
    "length": _length,
    "language": _language,
    "source": _source,
    "ngrams": _pairs,
}
COLUMNS = tuple(_COLUMNS)
"""The columns that may drift."""


def add_up(documents: Iterable[CorpusDocument]) -> Mapping[str, ColumnSums]:
    """All columns of a version, in one pass: by the blocks of one half of the documents, and those of the other.

    Args:
        documents: of the version, each with an id of its own.
    """
    n_documents = np.zeros(2 * BLOCKS)
    counts: dict[str, list[Counter[Any]]] = {name: [Counter() for _ in n_documents] for name in COLUMNS}
    for document in documents:
        row = _row_of(document.id)
        n_documents[row] += 1
        for name, values in _COLUMNS.items():
            counts[name][row].update(values(document))
    return {name: ColumnSums(n_documents, *_table(rows)) for name, rows in counts.items()}


def _table(rows: list[Counter[Any]]) -> tuple[FloatArray, tuple[Any, ...]]:
    names = tuple(sorted(set().union(*rows)))
    found = np.array([[counts[name] for name in names] for counts in rows], dtype=np.float64)
    return found.reshape(len(rows), -1), names


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
