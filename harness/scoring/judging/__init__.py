"""Judges: versions that score the answers of others, by a rubric that people wrote."""

from harness.scoring.judging.judge import Judge
from harness.scoring.judging.rubric import Rubric, Rubrics

__all__ = ["Judge", "Rubric", "Rubrics"]
