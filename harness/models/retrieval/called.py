"""The process that finds passages by a function of the project: `python -m harness.models.retrieval.called`."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import UsageError
from harness.models.processes.answering import Answering, answer_messages


def _loaded(start: dict[str, Any]) -> tuple[bool, Answering]:
    """Import the function that the first message names; return True (ready) and what answers."""
    os.chdir(start["folder"])
    sys.path[:0] = start["paths"]
    module, _, path = start["call"].partition(":")
    find: Any = functools.reduce(getattr, path.split("."), importlib.import_module(module))
    return True, lambda message: {"found": _found(find, **message) if message else []}


def _found(find: Callable[[str, int], Any], question: str, k: int) -> list[dict[str, Any]]:
    given = find(question, k)
    if inspect.isawaitable(given):
        given = asyncio.run(_awaited(given))
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(f"it gave {given!r:.80}, which is no list of passages. {_HINT}")
    return [_passage(each) for each in given[:k]]


async def _awaited(given: Any) -> Any:
    return await given


_HINT = 'Return texts, or {"id": "hours", "text": "…"} with a "score" if there is one, the best first.'


def _passage(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"id": "", "text": given, "score": 0.0}
    if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
        raise UsageError(f"it gave {given!r:.80}, which is no passage. {_HINT}")
    return {"id": str(given.get("id", "")), "text": given["text"], "score": float(given.get("score", 0.0))}


if __name__ == "__main__":
    answer_messages(_loaded)
