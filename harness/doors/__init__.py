"""Doors: what other distributions bring, told from their entry points and imported only where it is used."""

from harness.doors.entry_points import GROUPS, Door, everything, find, listed, load, names, of_group

__all__ = ["GROUPS", "Door", "everything", "find", "listed", "load", "names", "of_group"]
