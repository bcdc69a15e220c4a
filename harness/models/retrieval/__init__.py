"""Passages that are found for a question: by their words, by their meaning, or by both."""
