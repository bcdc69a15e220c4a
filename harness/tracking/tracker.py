"""The port for trackers: a tracker logs a gate somewhere else, after the verdict, so that no verdict depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness import entry_points
from harness.config import Settings
from harness.errors import EntryPointError
from harness.gate.history.runs import run_of
from harness.records import Report
from harness.store import RunInfo, Store, store_url


@dataclass(frozen=True, slots=True)
class TrackedGate:
    """A gate that is decided and stored.

    Attributes:
        report: its verdicts, and what they cost.
        exit_code: pytest's, as it ends.
        settings: of the project, with what the command line said laid over.
        options: the tracker's own, from the table `[tool.steelyard.trackers.NAME]`.
        is_late: False at the end of the gate, True for `steelyard track`: nobody waits for a verdict, the labels given
            since count, and the folder of reports may hold another gate's.
    """

    report: Report
    exit_code: int
    settings: Settings
    options: Mapping[str, Any]
    is_late: bool = False

    @contextmanager
    def opened(self) -> Iterator[tuple[Store, RunInfo]]:
        """The store, which can't be written, and the run in it; for a tracker that wants answers and scores."""
        with Store.open(store_url(self.settings), readonly=True) as store:
            yield store, run_of(store, self.report.run_id)


@dataclass(slots=True)
class TrackingNotes:
    """The notes of a tracker for the terminal.

    Attributes:
        lines: a line for each thing that is done, as soon as it is.
        facts: the same for programs, as plain data: `steelyard track --json` writes it.
    """

    lines: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Tracker(Protocol):
    """Logs gates. What is behind an entry point of `steelyard.trackers` has these methods.

    It is asked for with a table `[tool.steelyard.trackers.NAME]`, which may be empty.
    """

    def check(self, settings: Settings, options: Mapping[str, Any]) -> None:
        """Refuse options that can't be, before any request. Raises UsageError: with what to write instead."""

    def track(self, gate: TrackedGate, notes: TrackingNotes) -> None:
        """Log a gate. Called once in a session, last of all, where the terminal is: with xdist on the controller.

        It is not called for a session that was interrupted. What it raises becomes a warning under the verdicts.
        `steelyard track` calls it for a stored run, which may have been logged before: what has a place by
        `gate.report.run_id` is brought up to date there, and not doubled.
        """

    def later(self, run_id: str, options: Mapping[str, Any]) -> str:
        """The command that logs the run later, where this failed: `steelyard track RUN --to NAME`, or one of its own;
        "" for no hint."""


def tracker(name: str) -> Tracker:
    """The tracker of this name. Raises EntryPointError: there is none, or two, it can't be imported, or it is none."""
    point = entry_points.find("trackers", name)
    loaded: Tracker = entry_points.load(point)
    lacking = [method for method in ("check", "track", "later") if not callable(getattr(loaded, method, None))]
    if lacking:
        lacks = ", ".join(lacking)
        raise EntryPointError(f"The tracker {name!r} of {point.provider} is none: {point.target} has no {lacks}.")
    if isinstance(loaded, type):
        raise EntryPointError(
            f"The tracker {name!r} of {point.provider} is none: {point.target} is a class; name an object of it."
        )
    return loaded
