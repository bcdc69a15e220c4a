"""Whether a corpus makes the better model: tiny models trained on equal tokens of it, one for each seed."""
