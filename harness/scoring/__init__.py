"""Scores: the checks for the bodies of evaluations, and the reading of what a body gave."""

from contextvars import ContextVar

sandbox_of_run: ContextVar[str] = ContextVar("sandbox_of_run", default="built-in")
"""The setting `sandbox` of the run that goes on."""
