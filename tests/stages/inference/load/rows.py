"""Rows for the tests of a load."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.stages.inference.load.rows import Row

Gaps = Iterable[tuple[float, float]]


def row(index: int = 0, *, ttft_s: float | None = 0.5, gaps_s: Gaps = (), **fields: Any) -> Row:
    """A request that is begun at second `index` and answered 2 s later; an error where it has no time to a token."""
    given = {"scheduled_s": float(index), "sent_s": float(index), "done_s": index + 2.0, **fields}
    chunks: list[tuple[float, float]] = []
    if ttft_s is not None:
        chunks.append((given["sent_s"] + ttft_s, 1.0))
        for seconds, tokens in gaps_s:
            chunks.append((chunks[-1][0] + seconds * tokens, tokens))
    return Row(index, chunks=tuple(chunks), **given)
