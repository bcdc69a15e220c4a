"""The step `exact`: of documents with equal texts the first stays."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.stages.data.steps.duplicates import (
    NotedIds,
    Place,
    hashing,
    normalisation_option,
    remove_duplicates,
    run_stage,
    text_normalisation,
)
from harness.stages.data.steps.step import INSTALL, ShardedCorpus, StepContext, StepSpec

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.utils.text import TextNormConfig

DUPLICATE = "duplicate"
"""The reason of a document's removal whose text another document has."""


@dataclass(frozen=True, slots=True)
class ExactDuplicates:
    """Removes documents whose text is another's, once both are normalised.

    Hashes are compared, 64 bits of SHA-1 each: of n different texts two are taken for equal with a chance of n² in
    2⁶⁵, which is 3 in 10⁸ at a million. They are sorted in files, which are then merged: memory holds a file's hashes
    at a time, and the duplicates.

    Attributes:
        normalisation: what texts may differ by, by names in `NORMALISATIONS`.
    """

    normalisation: Sequence[str]

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Keep the first document of each text."""
        from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig, ExactDedupSignature

        folder = context.work / "hashes"
        content = partial(_content, normalisation=text_normalisation(self.normalisation))
        config = ExactDedupConfig(content_getter=content, hash_config=hashing())
        pipeline = [context.read, NotedIds(context.work / "ids"), ExactDedupSignature(str(folder), config)]
        run_stage(context, pipeline, shards.n_shards, "hashing")
        remove_duplicates(shards, context, _survivors(folder, shards.n_shards), DUPLICATE)


def _content(document: Document, normalisation: TextNormConfig) -> str:
    from datatrove.utils.text import simplify_text

    simplified: str = simplify_text(document.text, normalisation)
    return simplified


def _survivors(folder: Path, n_shards: int) -> dict[Place, Place]:
    """By the place of each duplicate the first place of its hash."""
    from datatrove.io import get_datafolder
    from datatrove.pipeline.dedup.exact_dedup import HashSig, read_sigs

    def order(hashed: HashSig) -> tuple[int, int, int]:
        return hashed.hash_value, hashed.file_id, hashed.doc_id

    names = [f"0000/{shard:05}.c4_sig" for shard in range(n_shards)]
    files = get_datafolder(str(folder)).open_files(names)
    hashes = [read_sigs(file, shard, hashing(), lines_to_buffer=1000) for shard, file in enumerate(files)]
    survivors: dict[Place, Place] = {}
    first: HashSig | None = None
    for hashed in heapq.merge(*hashes, key=order):
        if first is None or hashed.hash_value != first.hash_value:
            first = hashed
        else:
            survivors[hashed.file_id, hashed.doc_id] = first.file_id, first.doc_id
    return survivors


EXACT = StepSpec(
    name="exact",
    options={"normalisation": normalisation_option(["lowercase", "whitespace"])},
    make=lambda options: ExactDuplicates(**options),
    packages=("datatrove",),
    summary="removes documents whose text another document has",
    install=INSTALL,
)
"""The step `exact`."""
