"""The drift of a corpus from its baseline's, and of one half of its documents from the other."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import NotInLineageError
from harness.stages.data.drift.columns import ColumnSums, add_up
from harness.stages.data.drift.drift import Drift, find_drift

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus


def corpus_drift(corpus: Corpus, column: str) -> Drift:
    """The drift of a column from the baseline's corpus.

    Raises:
        NotInLineageError: it is weighed against nothing that has a corpus.
        UsageError, CorpusError: as `add_up` and `find_drift`.
    """
    if corpus.baseline is None:
        raise NotInLineageError(corpus.name, "baseline with a corpus", "--baseline NAME, which names one")
    return find_drift(corpus_sums(corpus.baseline, column), corpus_sums(corpus, column), column)


def corpus_sums(corpus: Corpus, column: str) -> ColumnSums:
    """A column of a corpus by blocks; added up once for the content of a folder."""
    return _sums(corpus.folder, corpus.name, column)


@functools.lru_cache(maxsize=32)
def _sums(folder: Path, name: str, column: str) -> ColumnSums:
    from harness.stages.data.corpus import open_corpus

    return add_up(open_corpus(folder, name).documents(), column)


def halves_drift(corpus: Corpus, column: str) -> Drift:
    """The drift from one half of the documents to the other: by chance alone, for their ids decide.

    Raises:
        UsageError, CorpusError: as `add_up` and `find_drift`.
    """
    halves = [
        add_up((each for each in corpus.documents() if _is_in_second(each.id) == second), column)
        for second in (False, True)
    ]
    return find_drift(*halves, column)


def _is_in_second(document_id: str) -> bool:
    """Tell the half of a document, by another digest than that of its block."""
    digest = hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=1, person=b"half")
    return bool(digest.digest()[0] & 1)
