"""The step `exact`, of documents with equal texts the first stays; and what it shares with `minhash`.

Of documents that are duplicates of each other the first stays, in the order of `place_of`. It depends on ids alone,
so the same document stays whatever finds the duplicates, in whichever order and with however many workers.

datatrove's own last stages are not used for it. They do not know whose duplicate a document is, they keep another
document when files are read in another order, and they take a missing list of duplicates for an empty one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from harness.config.typed import Checked, Table
from harness.stages.data.steps.step import INSTALL, ShardedCorpus, StepContext, StepSpec, Words, among

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.text import TextNormConfig

Place = tuple[int, int]
"""The place of a document: the number of its file, and of the documents before it in that file."""

NORMALISATIONS: Mapping[str, str] = {
    "lowercase": "lowercase",
    "numbers": "norm_numbers",
    "weekdays": "norm_weekdays",
    "months": "norm_monthnames",
    "punctuation": "remove_punctuation",
    "whitespace": "norm_whitespace",
    "diacritics": "norm_unicode_diacritics",
}
"""Differences that equal texts may have, with datatrove's name of each, in the order in which they are removed."""


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in NORMALISATIONS if each in names)


Normalisation = Annotated[Words, among(lambda: NORMALISATIONS), Checked(_in_order)]
"""Differences between two texts that do not count."""


def text_normalisation(names: Iterable[str]) -> TextNormConfig:
    """datatrove's description of a normalisation of these names."""
    from datatrove.utils.text import TextNormConfig

    wanted = set(names)
    return TextNormConfig(**{field: name in wanted for name, field in NORMALISATIONS.items()})


def hashing() -> HashConfig:
    """FineWeb's hashes: the first 64 bits of SHA-1."""
    from datatrove.utils.hashing import HashConfig

    return HashConfig(precision=64, hash_fc="sha1")


def record_duplicates(
    shards: ShardedCorpus, context: StepContext, survivors: Mapping[Place, Place], reason: str
) -> None:
    """Record duplicates as removed: by the place of each the place of the document before it that stays instead."""
    wanted = {*survivors, *survivors.values()}
    names = {
        (shard, row): document.id
        for shard in range(shards.n_shards)
        for row, document in enumerate(shards.read(shard))
        if (shard, row) in wanted
    }
    for duplicate, survivor in survivors.items():
        context.record(names[duplicate], reason, names[survivor])


@dataclass(frozen=True)
class ExactDuplicates(Table):
    """Removes documents whose text is another's, once both are normalised.

    Hashes are compared, 64 bits of SHA-1 each: of n different texts two are taken for equal with a chance of n² in
    2⁶⁵, which is 3 in 10⁸ at a million. They are sorted in files, which are then merged: memory holds a file's hashes
    at a time, and the duplicates.
    """

    normalisation: Normalisation = ("lowercase", "whitespace")

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Keep the first document of each text."""
        from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig, ExactDedupSignature

        folder = context.work / "hashes"
        content = partial(_content, normalisation=text_normalisation(self.normalisation))
        config = ExactDedupConfig(content_getter=content, hash_config=hashing())
        pipeline = [context.read, ExactDedupSignature(str(folder), config)]
        context.run(pipeline, shards.n_shards, context.work / "hashing")
        record_duplicates(shards, context, _survivors(folder, shards.n_shards), "duplicate")


def _content(document: Document, normalisation: TextNormConfig) -> str:
    from datatrove.utils.text import simplify_text

    simplified: str = simplify_text(document.text, normalisation)
    return simplified


def _survivors(folder: Path, n_shards: int) -> dict[Place, Place]:
    """By the place of each duplicate the first place of its hash."""
    from datatrove.io import get_datafolder
    from datatrove.pipeline.dedup.exact_dedup import HashSig, read_sigs

    names = [f"0000/{shard:05}.c4_sig" for shard in range(n_shards)]
    files = get_datafolder(str(folder)).open_files(names)
    hashes = [read_sigs(file, shard, hashing(), lines_to_buffer=1000) for shard, file in enumerate(files)]
    survivors: dict[Place, Place] = {}
    first: HashSig | None = None
    for hashed in heapq.merge(*hashes, key=lambda each: (each.hash_value, each.file_id, each.doc_id)):
        if first is None or hashed.hash_value != first.hash_value:
            first = hashed
        else:
            survivors[hashed.file_id, hashed.doc_id] = first.file_id, first.doc_id
    return survivors


EXACT = StepSpec(
    name="exact",
    make=lambda given: ExactDuplicates(**given),
    options=ExactDuplicates,
    packages=("datatrove",),
    summary="removes documents whose text another document has",
    install=INSTALL,
)
