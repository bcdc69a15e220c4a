"""The checks that distributions bring by entry point, Steelyard's own among them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from harness import entry_points
from harness.errors import CheckError, EntryPointError


def registered(name: str) -> Any:
    """The check of this name, imported by the first who asks for it.

    Raises:
        CheckError: there is none, two distributions bring it, it can't be imported, or it is no check.
    """
    try:
        entry_point = entry_points.find("checks", name)
        check = entry_points.load(entry_point)
    except EntryPointError as error:
        raise CheckError(str(error)) from error
    if not callable(check) and not isinstance(check, ModuleType):
        raise CheckError(
            f"The check {name!r} of {entry_point.provider} is neither a function nor a module of them: "
            f"{entry_point.target} is {type(check).__name__}."
        )
    return check
