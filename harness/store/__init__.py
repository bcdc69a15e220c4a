"""Samples, scores and runs, kept for good: SQLite by default, Postgres by URL.

`Store` brings SQLAlchemy along, so it is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.store.location import store_url
from harness.store.summaries import (
    MergeSummary,
    PruneSummary,
    RunInfo,
    ScoreArray,
    ScoreSet,
    StoreInfo,
    VersionInfo,
    new_run_id,
)

if TYPE_CHECKING:
    from harness.store.store import Store

__all__ = [
    "MergeSummary", "PruneSummary", "RunInfo", "ScoreArray", "ScoreSet", "Store", "StoreInfo", "VersionInfo",
    "new_run_id", "store_url",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Store":
        from harness.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
