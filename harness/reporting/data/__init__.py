"""Corpora for people to read, and as JSON."""
