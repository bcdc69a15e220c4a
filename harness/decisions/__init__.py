"""Verdicts from scores: requirement and regression on a fixed design, corrected over the run. Pure functions."""

from harness.decisions.observed import Observed
from harness.decisions.rule import decide, exit_code, worst

__all__ = ["Observed", "decide", "exit_code", "worst"]
