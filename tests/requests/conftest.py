"""Fixtures of these tests."""

from tests.requests.samplers import store

__all__ = ["store"]
