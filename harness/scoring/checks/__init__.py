"""Checks for the bodies of evaluations: each gives a score with its reason, in one line.

    return checks.contains(await model.ask(case.prompt), case.expected)

A check that can't work raises `CheckError` and is never a 0. Those that have to be waited for (`runs`, `choose`,
`multiple_choice`) are awaited in an `async def` body, and so the types say. In a `def` body they give their
result directly; `harness.sync_checks` are the same checks with the types for it.

What another distribution declares under `steelyard.checks` is here too, by its name. A check is imported by the first
who asks for it. Checkers of types know Steelyard's own alone, so that a misspelt one is an error; where types are
checked, another distribution's check is imported from its module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness import doors
from harness.errors import nearest
from harness.scoring.registered import registered

if TYPE_CHECKING:
    from harness.scoring.checks.choices import choose as choose
    from harness.scoring.checks.choices import multiple_choice as multiple_choice
    from harness.scoring.checks.execution import runs as runs
    from harness.scoring.checks.plain import *  # noqa: F403  those that wait for nothing, listed once
else:

    def __getattr__(name: str) -> Any:
        """The check that a distribution declares under this name.

        Raises:
            AttributeError: there is none; the message lists those that there are.
            CheckError: two distributions declare it, or it can't be imported; or Steelyard's own are not declared.
        """
        known = doors.names("checks")
        is_stale = not any(door.is_own for door in doors.doors("checks"))
        if name.startswith("_") or (name not in known and not is_stale):
            raise AttributeError(f"There is no check named {name!r}. {doors.listed('checks')}{nearest(name, known)}")
        found = globals()[name] = registered(name)
        return found


def __dir__() -> list[str]:
    """List what is here, the checks of other distributions too."""
    return sorted({*globals(), *doors.names("checks")})
