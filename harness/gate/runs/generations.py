"""Generations of draws that answer for the versions of a run."""

from __future__ import annotations

import threading

from harness.models.version import Version
from harness.store import Store


class Generations:
    """Gives the generations of a version, the newest first: the same ones to all who ask in a run, in any thread.

    Args:
        store: that has them.
        is_fresh: whether each version begins one.
    """

    def __init__(self, store: Store, *, is_fresh: bool = False) -> None:
        self._store = store
        self._is_fresh = is_fresh
        self._known: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def of(self, version: Version) -> tuple[int, ...]:
        """The generations of a version, by its fingerprint."""
        with self._lock:
            if version.fingerprint not in self._known:
                self._known[version.fingerprint] = self._store.generations(
                    version.fingerprint, fresh=self._is_fresh, max_age_s=version.settings.max_age_s
                )
            return self._known[version.fingerprint]
