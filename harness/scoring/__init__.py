"""Scores: checks for the bodies of evaluations, and the reading of what a body gave."""

from harness.scoring.checks import contains_word, last_number, normalised, numbers

__all__ = ["contains_word", "last_number", "normalised", "numbers"]
