"""Fixtures of these tests."""

from tests.config.settings_files import folder

__all__ = ["folder"]
