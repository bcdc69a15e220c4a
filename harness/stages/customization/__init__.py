"""Customization under test: what a version was given beside its weights, and its base without it."""
