"""datatrove's signatures of documents, in memory that a long document does not exceed, and sooner."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain

import numpy as np
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.text import ngrams, simplify_text
from datatrove.utils.word_tokenizers import load_word_tokenizer
from spacy.tokenizer import Tokenizer

_NUMBERS = 500_000
"""Hashes that are in memory at a time: each n-gram has as many as a signature."""


class BoundedSignature(MinhashDedupSignature):  # type: ignore[misc]
    """Gives the signatures that `MinhashDedupSignature` gives.

    That one needs gigabytes for a text of a few megabytes, and most of its time goes into splitting the same words
    again. spaCy's rules split a text at white space before they do anything else, so each piece between two spaces is
    split by itself here, and once. Where punctuation counts (`normalisation`), the two may split an emoticon otherwise.
    """

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
    if _rules(language) is None:
        words: list[str] = load_word_tokenizer(language).word_tokenize(text)
        return words
    return chain.from_iterable(_split(piece, language) for piece in text.split())


@cache
def _rules(language: str) -> Tokenizer | None:
    """spaCy's rules for a language; None where its words are found otherwise."""
    found = getattr(getattr(load_word_tokenizer(language), "tokenizer", None), "tokenizer", None)
    return found if isinstance(found, Tokenizer) else None


@lru_cache(maxsize=200_000)
def _split(piece: str, language: str) -> tuple[str, ...]:
    """The words of a text without white space."""
    rules = _rules(language)
    assert rules is not None
    return tuple(word for token in rules(piece) if (word := token.text.strip()))
