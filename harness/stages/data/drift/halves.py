"""An A/A of one corpus: one half of its documents against the other."""

from __future__ import annotations

import hashlib

from harness.stages.data.drift.columns import add_up
from harness.stages.data.drift.drift import Documents, Drift, find_drift


def halves_drift(documents: Documents, column: str) -> Drift:
    """The drift from one half of the documents to the other: by chance alone, for their ids decide.

    Raises:
        UsageError, CorpusError: as `add_up` and `find_drift`.
    """
    halves = [add_up((each for each in documents() if _is_in_second(each.id) == second), column) for second in (0, 1)]
    return find_drift(halves[0], halves[1], column)


def _is_in_second(document_id: str) -> int:
    """Tell the half of a document, by another digest than that of its block."""
    digest = hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=1, person=b"half")
    return digest.digest()[0] & 1
