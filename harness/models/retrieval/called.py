"""Finds passages by a function of the project, in a process of its own."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import EngineError


class CalledFunction:
    """The function of a call, imported from these paths, in a folder."""

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
        return [_passage(each) for each in given[:k]]


async def _awaited(given: Any) -> Any:
    return await given


_HINT = 'Return texts, or {"id": "hours", "text": "…"} with a "score" if there is one, the best first.'


def _passage(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"id": "", "text": given, "score": 0.0}
    if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
        raise EngineError(f"it gave {given!r:.80}, which is no passage. {_HINT}")
    return {"id": str(given.get("id", "")), "text": given["text"], "score": float(given.get("score", 0.0))}
