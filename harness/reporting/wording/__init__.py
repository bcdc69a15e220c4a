"""Sentences that several formats say."""
