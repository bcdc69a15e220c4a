"""Fixtures of the commands' tests."""

from tests.cli.planning.planned import run

__all__ = ["run"]
