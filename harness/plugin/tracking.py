"""Trackers at the end of a session: after the verdict, and after the report is in the store, so that neither depends on
them. `[tool.steelyard.trackers.NAME]` asks for one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.settings import MLFLOW
from harness.errors import SettingsError, SteelyardError, UsageError
from harness.plugin.options import settings_of
from harness.plugin.outcomes import refusing

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.plugin.session import GateSession
    from harness.records import Report


class TrackingHooks:
    """Hands the gate to every tracker that the settings ask for."""

    def __init__(self, session: GateSession) -> None:
        self._gate = session
        self._given = {name: session.config.getoption(name, default=None) for name in (MLFLOW, "store")}
        self._lines: list[str] = []
        self._problems: list[str] = []

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Called before collection: the first moment to refuse options that ask for what can't be."""
        if not self._gate.is_worker and self._given[MLFLOW] is not None:
            from harness.tracking.tracker import tracker

            with refusing():
                tracker(MLFLOW).check(settings_of(session.config), self._given)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Called after collection: the first moment to look at the trackers of the settings."""
        if not self._gate.is_worker and self._gate.is_asked:
            with refusing():
                check_trackers(self._gate.collection.settings)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Called once at the end: tracks the gate when all else is done, and tells the web hook, before the terminal's
        summary is written.
        """
        result = yield
        report = self._gate.outcome.report
        if report is not None and not self._gate.is_worker and not self._gate.outcome.problems:
            from harness.records import VerdictKind
            from harness.reporting.notifying import notify

            for name, options in self._gate.collection.settings.trackers_asked(self._given).items():
                self._track(name, options, report, int(session.exitstatus))
            if session.exitstatus in {kind.exit_code for kind in VerdictKind} and report.evaluations:
                self._problems += filter(None, [notify(report, self._gate.collection.settings)])
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Called at the end of the terminal's output: where the gate was tracked, or why it was not."""
        for line in self._lines:
            terminalreporter.write_line(line)
        for problem in self._problems:
            terminalreporter.write_line(f"WARNING: {problem}", yellow=True)

    def _track(self, name: str, options: Mapping[str, Any], report: Report, exit_code: int) -> None:
        from harness.records import VerdictKind
        from harness.tracking.tracker import TrackedGate, TrackingNotes, tracker

        if exit_code == pytest.ExitCode.NO_TESTS_COLLECTED:
            self._lines.append(f"{name}  not logged: no evaluation ran")
            return
        if exit_code not in {kind.exit_code for kind in VerdictKind}:
            self._lines.append(f"{name}  not logged: the session did not come to its end (exit code {exit_code})")
            return
        notes, later = TrackingNotes(), ""
        try:
            tracking = tracker(name)
            later = tracking.later(report.run_id, options)
            tracking.track(TrackedGate(report, exit_code, self._gate.collection.settings, options), notes)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the gate is decided: nothing may go wrong with it
            message = str(error) if isinstance(error, SteelyardError) else f"{type(error).__name__}: {error}."
            message += " The verdict stands, and everything is stored."
            message = "interrupted." if isinstance(error, KeyboardInterrupt) else message
            self._problems.append(f"{name}: not logged: {message}" + (f" To do it later: {later}" if later else ""))
        self._lines += notes.lines


def check_trackers(settings: Settings) -> None:
    """Refuse trackers of the settings that can't be.

    Raises:
        SettingsError: there is none of a name, or it refuses its options.
    """
    for name, options in settings.trackers.items():
        from harness.tracking.tracker import tracker

        try:
            tracking = tracker(name)
        except SettingsError as error:
            raise SettingsError(f"trackers.{name}: {error}") from None
        try:
            tracking.check(settings, options)
        except UsageError:
            raise
        except Exception as error:
            raise SettingsError(
                f"trackers.{name}: the tracker raised {type(error).__name__} when it looked at its options: {error}"
            ) from error
