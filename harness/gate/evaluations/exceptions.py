"""The exceptions of test bodies: their text, and the lines of the user's code that they came through.

What Steelyard itself raises are classes of `harness.errors`; `harness.gate.sampling.body_errors` counts what was met.
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_MOST_FRAMES = 5
_NOT_THE_USERS = (
    str(Path(__file__).parents[2]), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<frozen"
)  # fmt: skip


def describe(error: BaseException) -> str:
    """Give the text of an exception, even of one whose `__str__` is broken."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's exception may do anything
        return f"(its text can't be read: {type(broken).__name__})"


def raised_at(error: BaseException) -> str:
    """The last line of a user's code that an exception came through, as ` (test_x.py:12: answer = parse(text))`."""
    lines = _lines(error)
    return f" ({lines[-1]})" if lines else ""


def user_frames(error: BaseException) -> tuple[str, ...]:
    """The last lines of a user's code that an exception came through, outermost first; () for a single one, which
    `raised_at` says.
    """
    lines = _lines(error)
    return tuple(lines[-_MOST_FRAMES:]) if len(lines) > 1 else ()


def _lines(error: BaseException) -> list[str]:
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if not frame.filename.startswith(_NOT_THE_USERS) and not any(part.endswith("-packages") for part in path.parts):
            place = f"{path.name}:{frame.lineno}"
            found.append(f"{place}: {frame.line}" if frame.line else place)
    return found
