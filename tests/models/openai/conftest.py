"""Fixtures of these tests."""

from tests.models.openai.engines import free_port

__all__ = ["free_port"]
