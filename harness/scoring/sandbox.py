"""The sandbox of a run: the walls around its programs."""

from __future__ import annotations

from contextvars import ContextVar

sandbox_of_run: ContextVar[str] = ContextVar("sandbox_of_run", default="built-in")
"""The setting `sandbox`, where a run goes on."""
