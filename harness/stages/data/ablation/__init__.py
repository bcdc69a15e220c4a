"""Ablations of corpora: tiny models trained on equal tokens of two, one for each seed, tell the better corpus."""
