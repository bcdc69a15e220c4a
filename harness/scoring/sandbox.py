"""Which walls stand around the programs of a run."""

from __future__ import annotations

from contextvars import ContextVar

sandbox_of_run: ContextVar[str] = ContextVar("sandbox_of_run", default="built-in")
"""The setting `sandbox`, where a run goes on."""
