"""Contrasts about the very cases of a suite."""
