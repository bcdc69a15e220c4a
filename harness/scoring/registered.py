"""The checks that distributions bring by entry point, Steelyard's own among them."""

from __future__ import annotations

from typing import Any

from harness import doors
from harness.errors import CheckError, DoorError


def registered(name: str) -> Any:
    """The check of this name, imported by the first who asks for it.

    Raises:
        CheckError: there is none, two distributions bring it, or it can't be imported.
    """
    try:
        return doors.load(doors.find("checks", name))
    except DoorError as error:
        raise CheckError(str(error)) from error
