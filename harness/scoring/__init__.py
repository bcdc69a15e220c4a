"""Scores: the checks for the bodies of evaluations, and the reading of what a body gave."""

from typing import Any

from harness.scoring import checks
from harness.scoring.checks import __all__ as __all__


def __getattr__(name: str) -> Any:
    """The checks, each imported by the first who asks for it."""
    return getattr(checks, name)
