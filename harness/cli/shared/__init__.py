"""Parts that several commands need."""
