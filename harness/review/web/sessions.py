"""The sessions of those who are signed in: random ids, kept as hashes only, in a file that outlives the server.

A session belongs to the token that its reviewer had when it began (`Admitted.stamp`). Whether the reviewer still has
that one is asked of the store at each request, so that a session ends with its token, whoever changes it and where.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LIFETIME_S = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Holder:
    """The reviewer whose session or ticket it is, and the stamp of the token that the reviewer had when it was made."""

    name: str
    stamp: str


class Sessions:
    """Sessions of one server. A server that is killed and started again finds them in its file.

    Args:
        path: of a file that nobody but its owner can read; None keeps them in memory.
        clock: epoch seconds.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Holder, float]] = {}
        if path is not None and path.exists():
            self._held = _read(path)

    def begin(self, holder: Holder) -> str:
        """A new session's id, to be given to the reviewer's browser and to nobody else."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            self._held = {key: kept for key, kept in self._held.items() if kept[1] > now}
            self._held[_hash(session)] = (holder, now + LIFETIME_S)
            self._write()
        return session

    def holder(self, session: str) -> Holder | None:
        """Find whose session it is; None for one that is unknown, ended or too old."""
        with self._lock:
            kept = self._held.get(_hash(session))
        return kept[0] if kept is not None and kept[1] > self._clock() else None

    def end(self, session: str) -> None:
        """Sign out."""
        with self._lock:
            if self._held.pop(_hash(session), None) is not None:
                self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            held = {key: (holder.name, expires, holder.stamp) for key, (holder, expires) in self._held.items()}
            json.dump(held, stream)
        new.replace(self._path)


class Tickets:
    """Tokens that sign a reviewer in once: they are in the address that is printed when the server starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Holder] = {}

    def issue(self, holder: Holder) -> str:
        """A new ticket."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._held[_hash(ticket)] = holder
        return ticket

    def redeem(self, ticket: str) -> Holder | None:
        """Take a ticket and tell whose it is, the first time; then None."""
        with self._lock:
            return self._held.pop(_hash(ticket), None)


class Attempts:
    """A limit on how often an address may fail to sign in: `most` times within `within_s`."""

    def __init__(self, most: int = 10, within_s: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._within_s = within_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, list[float]] = {}

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        with self._lock:
            times = self._recent(address)
            return times[0] + self._within_s - self._clock() if len(times) >= self._most else 0.0

    def fail(self, address: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failed = {each: times for each in list(self._failed) if (times := self._recent(each))}
            self._failed.setdefault(address, []).append(self._clock())

    def _recent(self, address: str) -> list[float]:
        after = self._clock() - self._within_s
        return [moment for moment in self._failed.get(address, []) if moment > after]


def csrf_token(session: str) -> str:
    """Make the token that every POST of a session has to carry: from its id, to which it does not lead back."""
    return hashlib.sha256(f"csrf:{session}".encode()).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, tuple[Holder, float]]:
    """The sessions of a file; none where it was written by something else than a server."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(key): (Holder(str(name), str(stamp)), float(expires)) for key, (name, expires, stamp) in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
