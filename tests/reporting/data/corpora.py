"""What was told of corpora that were never built."""

from __future__ import annotations

from typing import Any

from harness.stages.data.outcomes import CorpusStatistics, Explanation, StepStatistics

STATISTICS = CorpusStatistics(
    name="clean",
    fingerprint="0f3a" * 16,
    documents_in=6458,
    documents_out=4102,
    tokens_in=1_000_000,
    tokens_out=812_345,
    token_unit="words",
    seconds=12.25,
    steps=(
        StepStatistics("language", 6458, 5158, 2.1, {"language_below_threshold": 100, "language_not_kept": 1200}),
        StepStatistics(
            "gopher_quality", 5158, 5102, 8.04, {f"gopher_reason_{n}": n for n in range(1, 11)} | {"gopher_reason_1": 2}
        ),
        StepStatistics("pii", 5102, 5102, 0.3, {}),
        StepStatistics("minhash", 5102, 4102, 30.55, {"near_duplicate": 1000}),
    ),
)


def explanation(**changes: Any) -> Explanation:
    """A document that was kept as it came, but for what is said."""
    known = {"id": "d17", "kept": True, "step": None, "reason": None, "duplicate_of": None}
    return Explanation(**{**known, "before": "One text.", "after": "One text.", **changes})


def removed(**changes: Any) -> Explanation:
    """A document that was removed."""
    told = {"kept": False, "step": "gopher_quality", "reason": "gopher_short_doc", "after": None}
    return explanation(**{**told, **changes})
