"""What a judge is given at least, and asked at most."""

from __future__ import annotations

LEAST_TOKENS = 512
"""Room for a reason and a score, whatever a version's `max_tokens` leaves its own answers."""


MOST_REPEATS = 100
"""Of one question; the draws in place of malformed answers are numbered from here."""
