"""Fixtures of the commands' tests."""

from tests.cli.review.places import batch, place

__all__ = ["batch", "place"]
