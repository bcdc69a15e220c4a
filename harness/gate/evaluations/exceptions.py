"""Describes the exceptions of test bodies: their text, and the line of the user's code that raised them.

The exceptions that Steelyard itself raises are classes of `harness.errors`; those that an evaluation met are counted in
`harness.gate.sampling.body_errors`.
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_MOST_FRAMES = 5
_NOT_THE_USERS = (str(Path(__file__).parents[2]), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))


def describe(error: BaseException) -> str:
    """Give the text of an exception, even of one whose `__str__` is broken."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's exception may do anything
        return f"(its text can't be read: {type(broken).__name__})"


def raised_at(error: BaseException) -> str:
    """The last line of a user's code that an exception came through, as ` (test_x.py:12: answer = parse(text))`."""
    frames = _frames(error)
    return f" ({_place(frames[-1])})" if frames else ""


def user_frames(error: BaseException) -> tuple[str, ...]:
    """The lines of a user's code that an exception came through, the last ones, outermost first; () for a single one.

    A single one is what `raised_at` says.
    """
    frames = _frames(error)
    return tuple(map(_place, frames[-_MOST_FRAMES:])) if len(frames) > 1 else ()


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]


def _place(frame: traceback.FrameSummary) -> str:
    name = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{name}: {frame.line}" if frame.line else name


def _is_users(filename: str) -> bool:
    return not filename.startswith((*_NOT_THE_USERS, "<frozen")) and not any(
        part.endswith("-packages") for part in Path(filename).parts
    )
