"""Verdicts from scores: requirement and regression, on fixed and sequential designs, corrected over the run.

All of it is pure functions.
"""

from harness.decisions.looks import Look, first_looks, look_again, look_at, share_of, single_looks
from harness.decisions.observations import Observations, PartlySkippedCases
from harness.decisions.rule import decide, decided_after, exit_code, worst

__all__ = [
    "Look",
    "Observations",
    "PartlySkippedCases",
    "decide",
    "decided_after",
    "exit_code",
    "first_looks",
    "look_again",
    "look_at",
    "share_of",
    "single_looks",
    "worst",
]
