"""Verdicts from scores: requirement and regression, on fixed and sequential designs, corrected over the run.

All of it is pure functions.
"""

from harness.decisions.looks import first_looks, look_at, share_of, single_looks
from harness.decisions.observations import Observations
from harness.decisions.rule import decide, decided_after, exit_code, worst
from harness.records import Look

__all__ = [
    "Look",
    "Observations",
    "decide",
    "decided_after",
    "exit_code",
    "first_looks",
    "look_at",
    "share_of",
    "single_looks",
    "worst",
]
