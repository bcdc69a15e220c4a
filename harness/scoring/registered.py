"""The checks that distributions bring by entry point, Steelyard's own among them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from harness import doors
from harness.errors import CheckError, DoorError


def registered(name: str) -> Any:
    """The check of this name, imported by the first who asks for it.

    Raises:
        CheckError: there is none, two distributions bring it, it can't be imported, or it is no check.
    """
    try:
        door = doors.find("checks", name)
        found = doors.load(door)
    except DoorError as error:
        raise CheckError(str(error)) from error
    if not callable(found) and not isinstance(found, ModuleType):
        raise CheckError(
            f"The check {name!r} of {door.provider} is neither a function nor a module of them: {door.target} is "
            f"{type(found).__name__}."
        )
    return found
