"""The drift between two versions of a corpus: an effect in each column, with its interval, all columns together.

Columns, such as length and language, are added up by blocks of documents.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from scipy import special

from harness.errors import CorpusError, UsageError, choices
from harness.records import Measure
from harness.stages.data.outcomes import CorpusDocument
from harness.stages.data.overlap.words import spaced_parts, words_of
from harness.statistics.arrays import FloatArray
from harness.statistics.effects import histogram_delta, pseudo_values
from harness.statistics.intervals.means import paired_difference
from harness.statistics.multiplicity import holm

BLOCKS = 30
"""Blocks that documents fall into by their ids: a document that both versions have is in one block of both."""
_PAIR_BITS = 12
_LANGUAGE_LENGTH = 1000
"""Characters by which the language of a text is told."""
FEWEST = 4 * BLOCKS
"""Documents that a version must have: fewer leave blocks empty."""
_NAMED = ("language", "source")
_MOST_MOVES = 3
_LEVEL = 0.95
"""The level at which bounds of small distances are made right."""


@dataclass(frozen=True, slots=True)
class ColumnSums:
    """One column of one version, added up by blocks: those of one half of the documents, then those of the other.

    Attributes:
        documents: (n_blocks,) how many each block has.
        sums: (n_blocks, n_names) how often each block has each name: documents of a value, pairs of words.
        names: of the sums, in rising order.
    """

    documents: FloatArray
    sums: FloatArray
    names: tuple[Any, ...]

    def halves(self) -> tuple[ColumnSums, ColumnSums]:
        """The first half of the rows, and the second."""
        (one, other), (sums, others) = np.array_split(self.documents, 2), np.array_split(self.sums, 2)
        return ColumnSums(one, sums, self.names), ColumnSums(other, others, self.names)

    def together(self) -> ColumnSums:
        """Both halves of the rows as one."""
        first, second = self.halves()
        return ColumnSums(first.documents + second.documents, first.sums + second.sums, self.names)


def _length(document: CorpusDocument) -> Iterable[Any]:
    return [len(spaced_parts(document.text))]


def _language(document: CorpusDocument) -> Iterable[Any]:
    """The likeliest language of a text's beginning, by one model for all versions, whatever steps have noted."""
    from harness.stages.data.steps.language import language_scores

    text = document.text[:_LANGUAGE_LENGTH].strip()
    return [next(iter(language_scores(text)), "unknown") if text else "unknown"]


def _source(document: CorpusDocument) -> Iterable[Any]:
    """The source that the document's metadata name, else the host of its address."""
    given = document.metadata.get("source")
    return [str(given) if given is not None else urlsplit(document.url or "").hostname or "unknown"]


def _pairs(document: CorpusDocument) -> Iterable[Any]:
    """Pairs of neighbouring words, in 4,096 groups by a hash: what groups tell of a drift is never more than it is."""
    pairs = (f"{one} {other}".encode("utf-8", "surrogatepass") for one, other in pairwise(words_of(document.text)))
    return (zlib.crc32(pair) >> (32 - _PAIR_BITS) for pair in pairs)


_COLUMNS: Mapping[str, tuple[Callable[[CorpusDocument], Iterable[Any]], str]] = {
    "length": (_length, "how much oftener a document is the longer one than the shorter"),
    "language": (_language, "what the language of a document tells of its version"),
    "source": (_source, "what the source of a document tells of its version"),
    "ngrams": (_pairs, "what a pair of words tells of its version"),
}
"""The columns that may drift: what a document counts for in each, and what the figure means."""
COLUMNS = tuple(_COLUMNS)


def add_up(documents: Iterable[CorpusDocument]) -> Mapping[str, ColumnSums]:
    """All columns of a version, in one pass; each document has an id of its own."""
    n_documents = np.zeros(2 * BLOCKS)
    counts: dict[str, list[Counter[Any]]] = {name: [Counter() for _ in n_documents] for name in COLUMNS}
    for document in documents:
        row = row_of(document.id)
        n_documents[row] += 1
        for name, (values, _) in _COLUMNS.items():
            counts[name][row].update(values(document))
    totals = {}
    for column, rows in counts.items():
        names = tuple(sorted(set().union(*rows)))
        sums = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        totals[column] = ColumnSums(n_documents, sums.reshape(len(rows), -1), names)
    return totals


def row_of(document_id: str) -> int:
    """The block of a document, by its id alone: as good as drawn, and the same in each version. For one of the second
    half it is as many further as there are blocks.

    >>> row_of("a"), row_of("b")
    (52, 28)
    """
    digest = hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"drift").digest()
    number = int.from_bytes(digest, "big")
    return number % BLOCKS + BLOCKS * (number >> 63)


def aligned(first: ColumnSums, second: ColumnSums) -> tuple[FloatArray, FloatArray, tuple[Any, ...]]:
    """The sums of two versions over the same names, in the order of the names."""
    names = tuple(sorted({*first.names, *second.names}))
    place = {name: number for number, name in enumerate(names)}
    tables = []
    for each in (first, second):
        tables.append(np.zeros((len(each.sums), len(names))))
        tables[-1][:, [place[name] for name in each.names]] = each.sums
    return tables[0], tables[1], names


@dataclass(frozen=True, slots=True)
class Move:
    """A value of a column, with the share of the documents of each version that have it."""

    value: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one version of a corpus from another in a column.

    Documents fall into blocks by their ids, so that a document of both versions is in the same block of both: what they
    share is no sign of drift. The figure is the jackknife's, each block left out in turn: of lengths Cliff's delta, of
    everything else half of both divergences from the mean distribution, in bits (J. Lin, 1991, Divergence measures
    based on the Shannon entropy, IEEE Transactions on Information Theory 37:145-151, equation 4.1).

    Attributes:
        unit: what the figure is called; `meaning` says it in words.
        value: 0 where nothing drifted, up to chance, with its two-sided interval and p-value.
        parts: of the blocks, whose mean is the figure; that of a distance may be less than 0, as bias is taken off it,
            and the figure is then 0.
        moves: of a column whose values are names, those whose shares differ most.
    """

    column: str
    unit: str
    meaning: str
    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    parts: tuple[float, ...]
    moves: tuple[Move, ...] = ()

    def block(self, number: int) -> Measure:
        """The part of one block, which is what an evaluation weighs: 0 is no drift, and neither way is better."""
        return Measure(self.parts[number], self.unit, reason=f"{self.value:.3g} over all {len(self.parts)} blocks")


def find_drift(baseline: ColumnSums, candidate: ColumnSums, column: str, confidence_level: float = 0.95) -> Drift:
    """The drift of a column from one version to another; a version with too few documents is refused."""
    check_column(column)
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        if version.documents.sum() < FEWEST:
            raise CorpusError(
                f"The {name} has {int(version.documents.sum())} documents: drift takes {FEWEST} or more. Give it more."
            )
    first, second, names = aligned(baseline, candidate)
    is_distance = column != "length"
    parts = _divergences(first, second) if is_distance else _jackknifed(histogram_delta, second, first)
    named = (column, "bits" if is_distance else "Cliff's delta", _COLUMNS[column][1])
    if not parts.any():  # the same documents
        return Drift(*named, 0.0, 0.0, 0.0, 0.0, 1.0, tuple(parts.tolist()))
    moves = _largest_moves(first, second, names) if column in _NAMED else ()
    difference = paired_difference(parts, np.zeros(len(parts)), confidence_level=confidence_level, bounded=False)
    value, low, high, p_value = difference.value, difference.low, difference.high, difference.p_value
    if is_distance:
        p_value = p_value if value > 0 else 1.0
        value, low, high = (max(0.0, each) for each in (value, low, high))
    return Drift(*named, value, difference.standard_error, low, high, p_value, tuple(parts.tolist()), moves)


def check_column(column: str) -> None:
    """Refuse what is no column, and name those that there are."""
    if column not in COLUMNS:
        raise UsageError(choices("column", column, COLUMNS))


def _jackknifed(effect: Callable[[FloatArray, FloatArray], float], first: FloatArray, second: FloatArray) -> FloatArray:
    """Parts of an effect of sums, (n_blocks, n_names), over all blocks: one block left out at a time."""
    whole = first.sum(axis=0), second.sum(axis=0)
    without = [effect(whole[0] - one, whole[1] - other) for one, other in zip(first, second, strict=True)]
    return pseudo_values(effect(*whole), without)


def _divergences(first: FloatArray, second: FloatArray) -> FloatArray:
    """Parts of the divergence, spread so far that Student's t of them covers small distances, too.

    The variance of a squared distance s is 4 v s + 2 v b: v that of the difference in its direction, b the bias of the
    plug-in. The jackknife sees it at the plug-in, where s + b is; a bound needs it where the bound is (E. B. Wilson's
    argument of 1927 for proportions). With z for t's quantile the upper one solves s - u = z sqrt(4 v s + 2 v b).
    """
    parts, plug_in = _jackknifed(_divergence, first, second), _divergence(first.sum(axis=0), second.sum(axis=0))
    value, size = float(parts.mean()), len(parts)
    error = float(parts.std(ddof=1)) / math.sqrt(size)
    if not error or plug_in <= 0:
        return parts
    quantile = float(special.stdtrit(size - 1, _LEVEL))
    variance, bias = error**2 / (4 * plug_in), max(0.0, plug_in - value)
    inside = 4 * quantile**2 * variance**2 + 4 * variance * value + 2 * variance * bias
    above = 2 * quantile**2 * variance + quantile * math.sqrt(max(0.0, inside))
    return np.asarray(value + (parts - value) * max(1.0, above / (quantile * error)), dtype=np.float64)


def _divergence(first: FloatArray, second: FloatArray) -> float:
    if not (first.any() and second.any()):
        return float(first.any() != second.any())
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    return float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / (2 * np.log(2)))


def _largest_moves(first: FloatArray, second: FloatArray, names: tuple[Any, ...]) -> tuple[Move, ...]:
    """The values whose shares of the documents differ most, the largest difference first."""
    one, other = (each.sum(axis=0) / each.sum() for each in (first, second))
    ranked = np.argsort(-np.abs(other - one).round(12), kind="stable")
    moves = [Move(str(names[i]), float(one[i]), float(other[i])) for i in ranked[:_MOST_MOVES]]
    return tuple(each for each in moves if each.first != each.second)


@dataclass(frozen=True, slots=True)
class DriftTable:
    """The drift in several columns, and those in which it is shown, at the error rate of all together (Holm)."""

    columns: tuple[Drift, ...]
    shown: frozenset[str]
    confidence_level: float


def drift_table(
    baseline: Mapping[str, ColumnSums], candidate: Mapping[str, ColumnSums], confidence_level: float = 0.95
) -> DriftTable:
    """The drift from one version to another in all columns, as `add_up` gives them."""
    rows = tuple(
        find_drift(baseline[column].together(), candidate[column].together(), column, confidence_level)
        for column in COLUMNS
    )
    rejected = holm([each.p_value for each in rows], 1 - confidence_level)
    shown = frozenset(each.column for each, is_shown in zip(rows, rejected, strict=True) if is_shown)
    return DriftTable(rows, shown, confidence_level)
