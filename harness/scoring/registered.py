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
        entry_point = doors.find("checks", name)
        check = doors.load(entry_point)
    except DoorError as error:
        raise CheckError(str(error)) from error
    if not callable(check) and not isinstance(check, ModuleType):
        raise CheckError(
            f"The check {name!r} of {entry_point.provider} is neither a function nor a module of them: "
            f"{entry_point.target} is {type(check).__name__}."
        )
    return check
