"""What an exception of a test body says, and where it was raised."""

from __future__ import annotations

import traceback


def describe(error: BaseException) -> str:
    """What an exception says of itself, even one whose `__str__` is broken."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's exception may do anything
        return f"(its text can't be read: {type(broken).__name__})"


def raised_at(error: BaseException) -> str:
    """The last line of a user's code that an exception came through, as ` (test_x.py:12: answer = parse(text))`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    if not frames:
        return ""
    last = frames[-1]
    name = last.filename.replace("\\", "/").rpartition("/")[2]
    return f" ({name}:{last.lineno}: {last.line})" if last.line else f" ({name}:{last.lineno})"


def _is_users(filename: str) -> bool:
    path = filename.replace("\\", "/")
    return "/harness/" not in path and "/site-packages/" not in path and "/asyncio/" not in path
