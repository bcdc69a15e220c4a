"""Steelyard: the behaviour of a language model as test cases.

`harness` is the engine. What a test body needs is here; everything heavy is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.records import Measure, Score
    from harness.scoring import checks

__all__ = ["Measure", "Score", "checks"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Records and checks, imported by the first who asks for them."""
    if name == "checks":
        import harness.scoring.checks

        return harness.scoring.checks
    if name in __all__:
        import harness.records

        return getattr(harness.records, name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
