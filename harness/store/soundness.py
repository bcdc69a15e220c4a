"""Checks beside the run that the file of a store is sound."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from harness.store.problems import REPAIR


class Soundness:
    """Has SQLite look through a file in a thread, which takes a third of a second for 100 MB.

    Args:
        path: of the file; None for a database that looks after itself.
        url: of the store, as a message may show it.
    """

    def __init__(self, path: Path | None, url: str) -> None:
        self._path = path
        self._url = url
        self._found: str | None = None
        self._thread = threading.Thread(target=self._look, name="steelyard-soundness", daemon=True)
        self._thread.start()

    def problem(self, wait_s: float = 0.0) -> str | None:
        """Say what is wrong, as far as it is known by now, or after a wait; None where nothing is."""
        if wait_s:
            self._thread.join(wait_s)
        return self._found

    def _look(self) -> None:
        if self._path is None:
            return
        try:
            with closing(sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)")]
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                return
            found = [str(error)]
        if found != ["ok"]:
            self._found = f"The store {self._url} is damaged: {' '.join(' '.join(found).split())[:200]}. {REPAIR}"
