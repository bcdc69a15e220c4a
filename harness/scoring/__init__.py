"""Scores: the checks for the bodies of evaluations, and the reading of what a body gave."""

from harness.scoring.checks import *  # noqa: F403
from harness.scoring.checks import __all__ as __all__
