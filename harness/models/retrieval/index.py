"""Passages in an index on disk, found by BM25 (bm25s).

The defaults are Lucene's: k1 = 1.5, b = 0.75 (Robertson and Zaragoza 2009; Lù 2024 for the sparse index). Words are
runs of two letters or more, stemmed as English ones, without the commonest of these, and each character of Chinese and
Japanese; letters are composed first (NFC). What is found is sorted by score; passages of equal score keep the order of
the file. A passage that shares no word with a query is no find, so that fewer than k may be found.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.config.customization import RetrievalSettings
from harness.config.files import json_lines, note_id
from harness.errors import UsageError, install
from harness.models.tokenization.characters import WORD_CHARACTERS

_PASSAGES = "passages.jsonl"
_WORD = rf"[{WORD_CHARACTERS}]|[^\W{WORD_CHARACTERS}]{{2,}}"
_HINT = 'Write {"id": "hours", "text": "…"} in a line for each passage.'


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage: its id, once in the file, its text, and what else its line holds."""

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSON lines file. Raises UsageError: there are none, a line is none, or an id stands twice."""
    places: dict[str, str] = {}
    passages = []
    for where, values in json_lines(path, UsageError, _HINT):
        name, text = values.get("id"), values.get("text")
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{where} has no text. {_HINT}")
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            raise UsageError(f"{where} has no id. {_HINT}")
        note_id(str(name), where, places, UsageError)
        passages.append(Passage(str(name), text, {k: v for k, v in values.items() if k not in ("id", "text")}))
    if not passages:
        raise UsageError(f"{path} holds no passage. {_HINT}")
    return passages


def check_k(settings: RetrievalSettings, count: int) -> None:
    """Refuse to find more passages than there are."""
    if settings.k > count:
        raise UsageError(f"k = {settings.k}, and {settings.passages} has {count} passages; take a smaller k.")


def n_passages(folder: Path) -> int:
    """The number of passages in an index."""
    return (folder / _PASSAGES).read_bytes().count(b"\n")


def indexable(settings: RetrievalSettings, root: Path) -> list[Passage]:
    """The passages of a file that can be indexed."""
    passages = read_passages(root / str(settings.passages))
    check_k(settings, len(passages))
    _libraries()
    return passages


def build_index(settings: RetrievalSettings, folder: Path, root: Path) -> None:
    """Write the index of a file of passages into a folder, the same in every process."""
    passages = indexable(settings, root)
    texts = _words([passage.text for passage in passages])
    if not any(texts):
        raise UsageError(
            "No passage has a word of two letters, but for the commonest of English, that a question could share. Name "
            'a retriever of your own: call = "module:function".'
        )
    # bm25s numbers words in the order of a set, which no two processes share.
    numbers: dict[str, int] = {}
    ids = [[numbers.setdefault(word, len(numbers)) for word in words] for words in texts]
    index = _libraries()[0].BM25(method="lucene")
    index.index((ids, numbers), show_progress=False)
    index.save(str(folder / "lexical"), show_progress=False)
    with (folder / _PASSAGES).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(passage), ensure_ascii=False) + "\n" for passage in passages)


def load_passages(folder: Path) -> tuple[Passage, ...]:
    """The passages of an index, in the order of their file."""
    lines = (folder / _PASSAGES).read_text("utf-8").split("\n")
    return tuple(Passage(**json.loads(line)) for line in lines if line)


def load_index(folder: Path) -> Any:
    """The index of bm25s that `build_index` wrote into a folder."""
    return _libraries()[0].BM25.load(str(folder / "lexical"), load_corpus=False)


def best_places(index: Any, query: str, k: int) -> list[tuple[int, float]]:
    """The places and scores of the passages that fit a query best, at most k."""
    import numpy as np

    (words,) = _words([query])
    known = [word for word in words if word in index.vocab_dict]
    if not known:
        return []
    scores = index.get_scores(known)
    places = np.flatnonzero(scores > 0)
    order = places[np.argsort(-scores[places], kind="stable")][:k]
    return [(int(place), float(scores[place])) for place in order]


def _libraries() -> tuple[Any, Any]:
    try:
        import bm25s
        import Stemmer
    except ImportError as error:
        raise UsageError(f"Retrieval needs {error.name}: {install('customization')}") from error
    return bm25s, Stemmer.Stemmer("english")


def _words(texts: Sequence[str]) -> list[list[str]]:
    """Return the words of each text."""
    bm25s, stemmer = _libraries()
    composed = [unicodedata.normalize("NFC", text) for text in texts]
    words: list[list[str]] = bm25s.tokenize(
        composed, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False, token_pattern=_WORD
    )
    return words
