"""An index of passages on disk, and the search in it.

What is found is sorted by score; passages of equal score keep the order of the file. A passage that shares no word with
a query is no find of `bm25`, so that fewer than k may be found.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.customization import RetrievalSettings
from harness.errors import UsageError
from harness.models.retrieval.lexical import LexicalIndex, check_installed
from harness.models.retrieval.passages import Passage, read_passages

if TYPE_CHECKING:
    from harness.models.embedding import Embedder

RANK_CONSTANT = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""
_DEPTH = 100
_DIGITS = 6
"""Of a cosine: equal texts have equal ones, whose last bits depend on where in the file they stand."""
_PASSAGES = "passages.jsonl"
_FIELD = re.compile(r"\{(passages|prompt)\}")


@dataclass(frozen=True, slots=True)
class Find:
    """A passage that was found.

    Attributes:
        rank: its place, from 1.
        id, text: the passage's.
        score: by which it has its place: BM25's, the cosine, or the sum of reciprocal ranks.
    """

    rank: int
    id: str
    score: float
    text: str


def told(finds: Sequence[Find]) -> str:
    """The text of passages, each under its id, as a model is given them."""
    return "\n\n".join(f"[{find.id}] {find.text}" for find in finds)


def put(prompt: str, passages: str, question: str) -> str:
    """A version's `prompt` with the passages and the question in it; braces in either are text."""
    parts = {"passages": passages, "prompt": question}
    return _FIELD.sub(lambda field: parts[field[1]], prompt)


def check_k(settings: RetrievalSettings, n_passages: int) -> None:
    """Refuse to find more passages than there are.

    Raises:
        UsageError: saying how many there are.
    """
    if settings.k > n_passages:
        raise UsageError(f"k = {settings.k}, and {settings.passages} has {n_passages} passages; take a smaller k.")


def n_passages(folder: Path) -> int:
    """The number of passages in an index."""
    return (folder / _PASSAGES).read_bytes().count(b"\n")


def indexable(settings: RetrievalSettings, root: Path) -> list[Passage]:
    """The passages of a file that can be indexed as the settings say.

    Raises:
        UsageError: passages, model or library are missing or broken, or `k` is too large.
    """
    found = read_passages(root / settings.passages)
    check_k(settings, len(found))
    if settings.method != "dense":
        check_installed(settings.language)
    if settings.method != "bm25":
        from harness.models.embedding import check_embedder

        check_embedder(settings.model, root)
    return found


def build_index(
    settings: RetrievalSettings,
    folder: Path,
    root: Path,
    told: Callable[[int, int, str], None] = lambda _done, _total, _note: None,
) -> None:
    """Write the index of a file of passages into a folder.

    Args:
        settings: which passages, and how they are to be found.
        folder: that the index is written to.
        root: folder that relative paths start from.
        told: called as passages are embedded, with how many are, of how many, and with what `Embedder.embed_all` tells.

    Raises:
        UsageError: passages, model or library are missing or broken.
    """
    found = indexable(settings, root)
    texts = [passage.text for passage in found]
    if settings.method != "dense":
        LexicalIndex.of(texts, settings.language).save(folder / "lexical")
    if settings.method != "bm25":
        import numpy as np

        vectors = _embedder(settings.model, root).embed_all(texts, lambda done, note: told(done, len(texts), note))
        np.save(folder / "vectors.npy", vectors)
    with (folder / _PASSAGES).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(passage), ensure_ascii=False) + "\n" for passage in found)


class Retriever:
    """The search in an index.

    Args:
        settings: that `build_index` was given.
        folder: that it wrote.
        root: folder that a relative path of the embedding model starts from.
    """

    def __init__(self, settings: RetrievalSettings, folder: Path, root: Path) -> None:
        self.settings = settings
        self.folder = folder
        lines = (folder / _PASSAGES).read_text("utf-8").split("\n")
        self.passages: tuple[Passage, ...] = tuple(Passage(**json.loads(line)) for line in lines if line)
        self._root = root
        self._lexical = None
        self._vectors: Any = None
        if settings.method != "dense":
            self._lexical = LexicalIndex.load(folder / "lexical", settings.language)
        if settings.method != "bm25":
            import numpy as np

            self._vectors = np.load(folder / "vectors.npy").astype(np.float64)

    def search(self, query: str, k: int | None = None) -> list[Find]:
        """The passages that fit a query best.

        Args:
            query: what is looked for.
            k: how many at most; the version's own where it is left out.

        Raises:
            UsageError: a query without a word, a `k` below 1 or above the number of passages.
        """
        k = self.settings.k if k is None else k
        if not isinstance(query, str) or not query.strip():
            raise UsageError(f"query = {query!r} holds nothing to look for.")
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(self.passages):
            raise UsageError(f"k = {k!r}: give 1 to {len(self.passages)}, which is how many passages there are.")
        places, scores = self._best(query, k)
        return [
            Find(rank, self.passages[place].id, float(score), self.passages[place].text)
            for rank, (place, score) in enumerate(zip(places, scores, strict=True), 1)
        ]

    def prompt(self, question: str, finds: Sequence[Find]) -> str:
        """The user's message that puts a question with passages, as the version's own does with those that it finds.

        Args:
            question: as it would be asked without passages.
            finds: what `search` gave, all of it or changed.
        """
        return put(self.settings.prompt, told(finds), question)

    def _best(self, query: str, k: int) -> tuple[Sequence[int], Sequence[float]]:
        if self.settings.method == "bm25":
            return self._by_words(query, k)
        if self.settings.method == "dense":
            return self._by_meaning(query, k)
        depth = min(max(_DEPTH, k), len(self.passages))
        sums: dict[int, float] = {}
        for places, _ in (self._by_words(query, depth), self._by_meaning(query, depth)):
            for rank, place in enumerate(places, 1):
                sums[place] = sums.get(place, 0.0) + 1 / (RANK_CONSTANT + rank)
        best = sorted(sums, key=lambda place: (-sums[place], place))[:k]
        return best, [sums[place] for place in best]

    @functools.cached_property
    def _embedder(self) -> Embedder:
        return _embedder(self.settings.model, self._root)

    def _by_words(self, query: str, k: int) -> tuple[Sequence[int], Sequence[float]]:
        assert self._lexical is not None
        scores = self._lexical.scores(query)
        return _highest(scores, k, above=0.0)

    def _by_meaning(self, query: str, k: int) -> tuple[Sequence[int], Sequence[float]]:
        cosines = self._vectors @ self._embedder.embed(query).numpy()
        return _highest(cosines.round(_DIGITS), k)


def _embedder(model: str, root: Path) -> Embedder:
    from harness.models.embedding import embedder_digest, load_embedder

    return load_embedder(model, root, embedder_digest(model, root))


def _highest(scores: Any, k: int, above: float | None = None) -> tuple[Sequence[int], Sequence[float]]:
    """The places of the k highest scores, the highest first, equal ones by place; none that is not above the bound."""
    import numpy as np

    least = np.partition(scores, -k)[-k]
    candidates = np.flatnonzero((scores >= least) if above is None else (scores >= least) & (scores > above))
    order = candidates[np.lexsort((candidates, -scores[candidates]))][:k]
    return order.tolist(), scores[order].tolist()
