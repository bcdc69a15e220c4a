"""The retriever of a version, as bodies and the version's own questions search it."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.config.customization import RetrievalSettings
from harness.config.versions import VersionSettings
from harness.errors import EngineError, SettingsError, UsageError
from harness.models.application.checkouts import environment_of
from harness.models.application.engine import import_paths
from harness.models.processes.worker import WaitingWorker
from harness.models.retrieval.index import LexicalIndex, Passage, check_k, load_passages, read_passages

_FIELD = re.compile(r"\{(passages|prompt)\}")


@dataclass(frozen=True, slots=True)
class Find:
    """A passage that was found.

    Attributes:
        rank: its place, from 1.
        id, text: the passage's; "" for the id of one that a function gave as a text alone.
        score: BM25's, or what the function gave; 0 where it gave none.
    """

    rank: int
    id: str
    score: float
    text: str


def told(finds: Sequence[Find]) -> str:
    """The text of passages, each under its id, as a model is given them."""
    return "\n\n".join(f"[{find.id}] {find.text}" if find.id else find.text for find in finds)


def put(prompt: str, passages: str, question: str) -> str:
    """A version's `prompt` with the passages and the question in it; braces in either are text."""
    parts = {"passages": passages, "prompt": question}
    return _FIELD.sub(lambda field: parts[field[1]], prompt)


class Retriever:
    """The search for passages in an index.

    Attributes:
        settings: of the version's step.
        passages: that are searched; () where a function's settings name none.
        folder: of the index; None where a function searches.
    """

    def __init__(self, settings: RetrievalSettings, folder: Path) -> None:
        self.settings = settings
        self.folder: Path | None = folder
        self.passages: tuple[Passage, ...] = load_passages(folder)
        self._index = LexicalIndex(folder)

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
        most = len(self.passages)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"k = {k!r}: give a number of passages, from 1.")
        if most and k > most:
            raise UsageError(f"k = {k!r}: give 1 to {most}, which is how many passages there are.")
        return self._best(query, k)

    def _best(self, query: str, k: int) -> list[Find]:
        return [
            Find(rank, self.passages[place].id, score, self.passages[place].text)
            for rank, (place, score) in enumerate(self._index.best(query, k), 1)
        ]

    def prompt(self, question: str, finds: Sequence[Find]) -> str:
        """The user's message that puts a question with passages, as the version's own does with those that it finds.

        Args:
            question: as it would be asked without passages.
            finds: what `search` gave, all of it or changed.
        """
        return put(self.settings.prompt, told(finds), question)


class CalledRetriever(Retriever):
    """The search by a function of the user's, in a process of its own, which its first question starts.

    Args:
        version: whose retriever it is; it may be of a commit.
        root: the folder of its project.
    """

    def __init__(self, settings: RetrievalSettings, version: VersionSettings, root: Path) -> None:
        self.settings, self.folder = settings, None
        self.passages = () if settings.passages is None else tuple(read_passages(root / settings.passages))
        if self.passages:
            check_k(settings, len(self.passages))
        own = environment_of(version, root).get("PYTHONPATH")
        paths = import_paths(root) if own is None else own.split(os.pathsep)
        start = {"call": settings.call, "folder": str(root), "paths": paths}
        name = f"The retriever of {version.name} ({settings.call})"
        self._worker = WaitingWorker("harness.models.retrieval.called:CalledFunction", start, name=name)
        self.close = weakref.finalize(self, self._worker.close)

    def _best(self, query: str, k: int) -> list[Find]:
        try:
            passages = self._worker.ask("find", question=query, k=k)
        except EngineError as error:
            raise EngineError(f"{self._worker.name}: {error}") from error
        return [Find(rank, **passage) for rank, passage in enumerate(passages, 1)]

    def look(self) -> None:
        """Import the function."""
        self._worker.ask("look")


def open_retriever(version: VersionSettings, root: Path) -> Retriever:
    """The retriever of a version that has one.

    Raises:
        SettingsError: its index is not built here.
        UsageError: its passages can't be read.
    """
    step = version.retrieval
    assert step is not None
    settings = cast("RetrievalSettings", step.settings)
    if settings.call is not None:
        return CalledRetriever(settings, version, version.root(root).resolve())
    if step.artifact is None:
        raise SettingsError(
            f"The passages of {version.name} are not indexed here: `steelyard build {version.name}` does that."
        )
    return Retriever(settings, step.artifact.path)


def check_retriever(version: VersionSettings, root: Path) -> None:
    """Import the function that finds passages for a version, where one does."""
    step = version.retrieval
    if step is not None and cast("RetrievalSettings", step.settings).call is not None:
        found = cast("CalledRetriever", open_retriever(version, root))
        try:
            found.look()
        finally:
            found.close()
