"""Doors: what other distributions bring, told from their entry points and imported only where it is used."""

from harness.doors.entry_points import GROUPS, Door, doors, everything, find, listed, load, names

__all__ = ["GROUPS", "Door", "doors", "everything", "find", "listed", "load", "names"]
