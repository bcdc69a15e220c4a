"""The check of meaning: how near two texts are in the space of an embedding model."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from collections.abc import Awaitable
from pathlib import Path

from harness.errors import CheckError, SettingsError, UsageError
from harness.models.embedding import load_embedder
from harness.records import Score
from harness.scoring.checks.awaitables import wait_for
from harness.scoring.checks.given import answer_text, references, shown
from harness.scoring.checks.text import Expected


def similarity(answer: str, expected: Expected, *, model: str | Path) -> Awaitable[Score]:
    """The cosine of the embeddings of answer and expected text, 0 where it is negative.

    To be awaited in an `async def` body. A model is loaded once in a process, on the CPU, and embeds one text at a time
    (so that what else runs never changes a score). Texts beyond its longest input are cut.

    Args:
        answer: the answer.
        expected: a text, or several of which the nearest counts.
        model: a folder, a hub id in the local cache, a .gguf file or `package:NAME`: a sentence-embedding model (its
            own pooling is used), or any other, whose last hidden states are averaged. A cosine of the latter is high
            for any two texts; take a threshold from examples.

    Returns:
        Score

    Raises:
        CheckError: the model can't embed texts; transformers is not installed.
        SettingsError: there is no such model.
    """
    texts = references(expected, "similarity")
    return wait_for("similarity", _similarity(answer_text(answer, "similarity"), texts, str(model)))


async def _similarity(answer: str, texts: tuple[str, ...], model: str) -> Score:
    if not answer.strip():
        return Score(0.0, "the answer is blank")
    cosine, nearest = await asyncio.get_running_loop().run_in_executor(_thread(), _nearest, answer, texts, model)
    return Score(min(max(cosine, 0.0), 1.0), f"cosine {cosine:.3f} with {shown(nearest)}")


@functools.cache
def _thread() -> concurrent.futures.ThreadPoolExecutor:
    """The one thread that loads models and embeds."""
    return concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="steelyard-similarity")


def _nearest(answer: str, texts: tuple[str, ...], model: str) -> tuple[float, str]:
    try:
        embedder = load_embedder(model, Path.cwd())
        return max((float(embedder.embed(answer) @ embedder.embed(text)), text) for text in texts)
    except SettingsError:
        raise
    except UsageError as error:
        raise CheckError(f"similarity: {error}") from error
