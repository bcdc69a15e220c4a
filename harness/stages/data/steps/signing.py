"""datatrove's signatures of documents, in memory that a long document does not exceed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
from datatrove.utils.text import ngrams, simplify_text

_PIECE = 500_000
"""Characters that are split into words at a time: spaCy takes 75 bytes for each."""
_BLOCK = 4096
"""N-grams that are hashed again at a time: each becomes as many numbers as there are hashes in a signature."""


class BoundedSignature(MinhashDedupSignature):  # type: ignore[misc]
    """Gives the signatures that `MinhashDedupSignature` gives, which needs gigabytes for a text of a few megabytes."""

    def get_shingles(self, text: str) -> np.ndarray:
        """The hashed n-grams of a text, of shape (n_grams, 1)."""
        simplified = simplify_text(text, self.config.norm_config)
        words = chain.from_iterable(map(self.word_tokenizer.word_tokenize, _pieces(simplified)))
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


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that end before a space, where spaCy begins a new word whatever is before it."""
    begin = 0
    while len(text) - begin > _PIECE:
        end = text.rfind(" ", begin + 1, begin + _PIECE)
        end = begin + _PIECE if end == -1 else end
        yield text[begin:end]
        begin = end
    yield text[begin:]
