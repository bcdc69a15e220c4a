"""Says in words what goes wrong with a database."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

BUSY_S = 60.0
"""Seconds to wait for a lock."""
REPAIR = (
    "Put a copy of it in its place; or remove it, and the next gate makes a new one. What can still be read of it "
    "comes into a new one by: sqlite3 OLD .recover | sqlite3 NEW"
)
_ROOM = (
    "Free some space on its disk, or move the store, with the files beside it that begin with its name, to another and "
    "name that with --store (`steelyard store prune` needs room, too); then run again."
)
ELSEWHERE = "Choose another place with --store, or with `store` in [tool.steelyard]."


def in_words(error: DBAPIError, *, readonly: bool) -> str:
    """Say what went wrong and what to do, after "The store URL"; `readonly` where it was only to be read."""
    cause = cause_of(error)
    if "full" in cause or "No space left" in cause:
        return f"can't be written: {cause}. {_ROOM}"
    if "readonly" in cause or "read-only" in cause or (readonly and "unable to open" in cause):
        why = "SQLite needs to write beside a store to read it" if readonly else "A run keeps its scores, --offline too"
        verb = "read" if readonly else "written"
        copy = "Copy the store to a place that can be written, and name that with --store."
        return f"can't be {verb}: {cause}. {why}. {copy}"
    if "locked" in cause:
        return f"is locked by another process for more than {BUSY_S:.0f} s ({cause}). End that process and run again."
    if "not a database" in cause:
        # The name may be that of any file, which nobody is told to remove.
        other = f"if it is something else, leave it there. {ELSEWHERE}"
        return f"can't be understood: {cause}. If it was a store, it is damaged: {REPAIR}; {other}"
    if "malformed" in cause or "Could not decode" in cause:
        return f"is damaged: {cause}. {REPAIR}"
    if error.connection_invalidated or "connection" in cause:
        return f"can't be reached: {cause.rstrip('.?')}. Run again once it can: what is stored is kept."
    return f"can't be used: {cause}. {ELSEWHERE}"


def cause_of(error: Exception) -> str:
    """Give the driver's message, on one line."""
    return " ".join(str(getattr(error, "orig", error)).split())
