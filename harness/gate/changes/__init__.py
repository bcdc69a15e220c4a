"""Selects the evaluations that a change of files may concern."""
