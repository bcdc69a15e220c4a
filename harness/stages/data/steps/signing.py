"""datatrove's signatures of documents, in memory that a long document does not exceed, and sooner."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.text import ngrams, simplify_text
from datatrove.utils.word_tokenizers import load_word_tokenizer

_BLOCK = 4096
"""N-grams that are hashed again at a time: each becomes as many numbers as there are hashes in a signature."""


class BoundedSignature(MinhashDedupSignature):  # type: ignore[misc]
    """Gives the signatures that `MinhashDedupSignature` gives.

    That one needs gigabytes for a text of a few megabytes, and most of its time goes into splitting the same words
    again. spaCy splits a text at white space before it does anything else, so each piece between two spaces is split by
    itself here, and once. Where punctuation counts (`normalisation`), the two may differ in how an emoticon is split.
    """

    def __init__(self, output_folder: str, config: MinhashConfig) -> None:
        super().__init__(output_folder, config)
        self.word_tokenizer = None  # loaded where it is used

    def get_shingles(self, text: str) -> np.ndarray:
        """The hashed n-grams of a text, of shape (n_grams, 1)."""
        words = _words(simplify_text(text, self.config.norm_config))
        hashed = (self._hash_func(" ".join(gram)) for gram in ngrams(words, self.config.n_grams))
        return np.fromiter(hashed, dtype=np.uint64).reshape((-1, 1))

    def get_signature(self, shingles: np.ndarray) -> list[list[int]]:
        """The least of each hash over all n-grams, bucket by bucket."""
        blocks = [
            super(BoundedSignature, self).get_signature(shingles[begin : begin + _BLOCK])
            for begin in range(0, len(shingles), _BLOCK)
        ]
        least: list[list[int]] = np.min(np.array(blocks, dtype=np.uint64), axis=0).tolist()
        return least


def _words(text: str) -> Iterator[str]:
    for piece in text.split():
        yield from _split(piece)


@lru_cache(maxsize=200_000)
def _split(piece: str) -> tuple[str, ...]:
    """The words of a text without white space."""
    document = load_word_tokenizer("eng").tokenizer.tokenizer(piece)
    return tuple(word for token in document if (word := token.text.strip()))
