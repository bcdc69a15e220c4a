"""datatrove's signatures of documents, in memory that a long document does not exceed, and sooner."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.text import ngrams, simplify_text
from datatrove.utils.word_tokenizers import load_word_tokenizer
from spacy.tokenizer import Tokenizer

_NUMBERS = 500_000
"""Hashes that are in memory at a time: each n-gram has as many as a signature."""


class BoundedSignature(MinhashDedupSignature):  # type: ignore[misc]
    """Gives the signatures that `MinhashDedupSignature` gives, which needs gigabytes for a text of a few megabytes, and
    most of its time for splitting the same words again. spaCy's rules split a text at white space first, so each piece
    between two spaces is split by itself here, and once. Where punctuation counts (`normalisation`), the two may split
    an emoticon otherwise."""

    def __init__(self, output_folder: str, config: MinhashConfig, language: str) -> None:
        super().__init__(output_folder, config, language)
        self.word_tokenizer = None  # loaded where it is used

    def get_shingles(self, text: str) -> np.ndarray:
        """The hashed n-grams of a text, of shape (n_grams, 1)."""
        words = _words(simplify_text(text, self.config.norm_config), self.language)
        hashed = (self._hash_func(" ".join(gram)) for gram in ngrams(words, self.config.n_grams))
        return np.fromiter(hashed, dtype=np.uint64).reshape((-1, 1))

    def get_signature(self, shingles: np.ndarray) -> list[list[int]]:
        """The least of each hash over all n-grams, bucket by bucket."""
        size = max(1, _NUMBERS // self.num_hashes)
        blocks = [
            super(BoundedSignature, self).get_signature(shingles[begin : begin + size])
            for begin in range(0, len(shingles), size)
        ]
        least: list[list[int]] = np.min(np.array(blocks, dtype=np.uint64), axis=0).tolist()
        return least


def _words(text: str, language: str) -> Iterable[str]:
    if not isinstance(_rules(language), Tokenizer):  # its words are found otherwise
        words: list[str] = load_word_tokenizer(language).word_tokenize(text)
        return words
    return chain.from_iterable(_split(piece, language) for piece in text.split())


@cache
def _rules(language: str) -> Any:
    """spaCy's rules for a language."""
    return getattr(getattr(load_word_tokenizer(language), "tokenizer", None), "tokenizer", None)


@lru_cache(maxsize=200_000)
def _split(piece: str, language: str) -> tuple[str, ...]:
    """The words of a text without white space."""
    return tuple(word for token in _rules(language)(piece) if (word := token.text.strip()))
