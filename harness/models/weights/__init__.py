"""Weights on disk: found, converted, checked, and known by their content."""
