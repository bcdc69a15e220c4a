"""Waits for what another process or thread does, where nothing tells of it; the limit is for a test that fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_LONGEST_S = 120.0
_STEP_S = 0.01


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + _LONGEST_S
    while not holds():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(_STEP_S)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, while the event loop goes on."""
    end_s = time.monotonic() + _LONGEST_S
    while not holds():
        assert time.monotonic() < end_s, "waited in vain"
        await asyncio.sleep(_STEP_S)
