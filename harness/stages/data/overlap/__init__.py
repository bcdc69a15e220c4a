"""Finds the cases of evaluations in a corpus."""
