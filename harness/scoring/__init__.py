"""Scores: the checks for the bodies of evaluations, and the reading of what a body gave."""
