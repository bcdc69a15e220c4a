"""Passages by their words: BM25, by bm25s.

The defaults are Lucene's: k1 = 1.5, b = 0.75 (Robertson and Zaragoza 2009; Lù 2024 for the sparse index). Words are
runs of two letters or more, as of bm25s, and each character of Chinese and Japanese. Letters are composed first (NFC):
a keyboard or a file system may write "ü" as "u" and a mark, which is no letter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.models.tokenization.characters import WORD_CHARACTERS

LANGUAGES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "dutch": "nl",
    "italian": "it",
    "portuguese": "pt",
    "russian": "ru",
    "swedish": "sv",
    "norwegian": "no",
    "danish": "da",
}
"""Languages whose words are stemmed and whose commonest words are left out, with bm25s's name of the latter."""

_WORD = rf"[{WORD_CHARACTERS}]|[^\W{WORD_CHARACTERS}]{{2,}}"


class LexicalIndex:
    """A BM25 index of texts.

    Args:
        index: bm25s's index.
        language: of stems and of the words that are left out; None for neither.
    """

    def __init__(self, index: Any, language: str | None) -> None:
        self._index = index
        self._language = language

    @classmethod
    def of(cls, texts: Sequence[str], language: str | None) -> LexicalIndex:
        """The index of these texts.

        Raises:
            UsageError: none of the texts has a word that is looked for.
        """
        bm25s = _library()
        passages = _words(texts, language)
        if not any(passages):
            left_out = f', and the commonest of {language}; language = "none" keeps those' if language else ""
            raise UsageError(
                "No passage has a word that a question could share with it. Words of one letter are left "
                f'out{left_out}. Or find by meaning: method = "dense".'
            )
        # bm25s numbers words in the order of a set, which no two processes share.
        numbers: dict[str, int] = {}
        ids = [[numbers.setdefault(word, len(numbers)) for word in words] for words in passages]
        index = bm25s.BM25(method="lucene")
        index.index((ids, numbers), show_progress=False)
        return cls(index, language)

    @classmethod
    def load(cls, folder: Path, language: str | None) -> LexicalIndex:
        """The index that was saved in this folder."""
        return cls(_library().BM25.load(str(folder), load_corpus=False), language)

    def save(self, folder: Path) -> None:
        """Write the index into this folder."""
        self._index.save(str(folder), show_progress=False)

    def scores(self, query: str) -> Any:
        """The score of each text for a query.

        Returns:
            numpy array of shape (texts,), 0 where a text shares no word with the query.
        """
        import numpy as np

        (words,) = _words([query], self._language)
        known = [word for word in words if word in self._index.vocab_dict]
        if not known:
            return np.zeros(self._index.scores["num_docs"], dtype=np.float32)
        return self._index.get_scores(known)


def check_installed(language: str | None) -> None:
    """Refuse to index by words where what does is not installed.

    Raises:
        UsageError: saying what to install.
    """
    _library()
    if language is not None:
        _stemmers()


def _library() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise _lacking("bm25s") from error
    return bm25s


def _stemmers() -> Any:
    try:
        import Stemmer
    except ImportError as error:
        raise _lacking("pystemmer") from error
    return Stemmer


def _lacking(package: str) -> UsageError:
    return UsageError(f'Retrieval by words needs {package}: pip install "steelyard[customization]"')


def _words(texts: Sequence[str], language: str | None) -> list[list[str]]:
    """Return the words of each text."""
    composed = [unicodedata.normalize("NFC", text) for text in texts]
    how: dict[str, Any] = {"stopwords": None, "stemmer": None}
    if language is not None:
        how = {"stopwords": LANGUAGES[language], "stemmer": _stemmers().Stemmer(language)}
    words: list[list[str]] = _library().tokenize(
        composed, return_ids=False, show_progress=False, token_pattern=_WORD, **how
    )
    return words
