"""Steelyard by the name that is installed: `steelyard.Model` is `harness.Model`, and so for every public name.

Nothing is here but the name. PYTEST_DONT_REWRITE: pytest is not to rewrite it, for it has no assertion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import harness
from harness import __all__ as __all__
from harness import __version__ as __version__

if TYPE_CHECKING:
    from harness import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Any public name of `harness`, loaded when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'steelyard' has no attribute {name!r}")
    return getattr(harness, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
