"""The retriever of a version, as bodies and the version's own questions search it."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import re
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.config.customization import RetrievalSettings
from harness.config.versions import VersionSettings
from harness.errors import EngineError, SettingsError, UsageError
from harness.models.application.identity import environment_of, import_paths
from harness.models.processes.worker import WaitingWorker
from harness.models.retrieval.index import Passage, best_places, check_k, load_index, load_passages, read_passages

_FIELD = re.compile(r"\{(passages|prompt)\}")
_HINT = 'Return texts, or {"id": "hours", "text": "…"} with a "score" if there is one, the best first.'


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


def passages_text(finds: Sequence[Find]) -> str:
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
        self._index = load_index(folder)

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
            raise UsageError(f"query = {query!r} is no query: give a text with a word or more.")
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"k = {k!r}: give a number of passages, from 1.")
        if self.passages and k > len(self.passages):
            raise UsageError(f"k = {k!r}: give 1 to {len(self.passages)}, which is how many passages there are.")
        return self._best(query, k)

    def _best(self, query: str, k: int) -> list[Find]:
        finds = ((self.passages[place], score) for place, score in best_places(self._index, query, k))
        return [Find(rank, passage.id, score, passage.text) for rank, (passage, score) in enumerate(finds, 1)]

    def prompt(self, question: str, finds: Sequence[Find]) -> str:
        """The user's message that puts a question with passages, as the version's own does with those that it finds.

        Args:
            question: as it would be asked without passages.
            finds: what `search` gave, all of it or changed.
        """
        return put(self.settings.prompt, passages_text(finds), question)


class CalledRetriever(Retriever):
    """The search by a function of the user's, in a process of its own, which its first question starts."""

    def __init__(self, settings: RetrievalSettings, version: VersionSettings, root: Path) -> None:
        self.settings, self.folder = settings, None
        self.passages = () if settings.passages is None else tuple(read_passages(root / settings.passages))
        if self.passages:
            check_k(settings, len(self.passages))
        own = environment_of(version, root).get("PYTHONPATH")
        paths = import_paths(root) if own is None else own.split(os.pathsep)
        start = {"call": settings.call, "folder": str(root), "paths": paths}
        name = f"The retriever of {version.name} ({settings.call})"
        self._worker = WaitingWorker("harness.models.retrieval.retriever:CalledFunction", start, name=name)
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


class CalledFunction:
    """The function of a call, in a worker: imported from these paths, in a folder."""

    def __init__(self, call: str, folder: str, paths: list[str]) -> None:
        os.chdir(folder)
        sys.path[:0] = paths
        module, _, path = call.partition(":")
        self._find: Any = functools.reduce(getattr, path.split("."), importlib.import_module(module))

    def look(self) -> None:
        """Nothing is asked: it could be imported."""

    def find(self, question: str, k: int) -> list[dict[str, Any]]:
        """Call it; return its passages, each with `id`, `text` and `score`."""
        given = self._find(question, k)
        if inspect.isawaitable(given):
            given = asyncio.run(_awaited(given))
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise EngineError(f"it gave {given!r:.80}, which is no list of passages. {_HINT}")
        return [_passage({"text": each} if isinstance(each, str) else each) for each in given[:k]]


async def _awaited(given: Any) -> Any:
    return await given


def _passage(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
        raise EngineError(f"it gave {given!r:.80}, which is no passage. {_HINT}")
    return {"id": str(given.get("id", "")), "text": given["text"], "score": float(given.get("score", 0.0))}


def open_retriever(version: VersionSettings, root: Path) -> Retriever:
    """The retriever of a version that has one. Raises UsageError: its index is not built, or passages can't be read."""
    step = version.retrieval
    assert step is not None
    settings = cast("RetrievalSettings", step.settings)
    if settings.call is not None:
        return CalledRetriever(settings, version, version.root(root).resolve())
    if step.artifact is None:
        raise SettingsError(
            f"The passages of {version.name} are not indexed: `steelyard build {version.name}` does that."
        )
    return Retriever(settings, step.artifact.path)


def check_retriever(version: VersionSettings, root: Path) -> None:
    """Import the function that finds passages for a version, where one does."""
    if version.retrieval is not None and cast("RetrievalSettings", version.retrieval.settings).call is not None:
        retriever = cast("CalledRetriever", open_retriever(version, root))
        try:
            retriever.look()
        finally:
            retriever.close()
