"""Limits of judging: the fewest tokens that a judge is given, and the most repeats that it is asked for."""

from __future__ import annotations

LEAST_TOKENS = 512
"""Room for a reason and a score, whatever a version's `max_tokens` leaves its own answers."""


MOST_REPEATS = 100
"""Of one question; the draws in place of malformed answers are numbered from here."""
