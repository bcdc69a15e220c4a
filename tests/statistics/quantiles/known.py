"""Draws whose quantiles are known."""

RUNS = 200
