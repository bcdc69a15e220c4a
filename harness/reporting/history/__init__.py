"""How evaluations came out over time, as a page, as text, and as JSON."""
