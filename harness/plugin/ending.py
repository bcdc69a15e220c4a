"""The end of a run: keep its report, write it, close it, show its verdicts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import UsageError
from harness.plugin.pytest_internals import terminal_file

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.gate.runs.run import Run
    from harness.plugin.collection.items import Collection
    from harness.plugin.loop.driver import Driver
    from harness.records import Report


class ReportDelivery:
    """The report of a session's run, on its way into files, the store and the terminal.

    Attributes:
        report: None while there is none.
        problems: what went wrong at the end; the exit code is then a usage error's.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._path: Path | None = None
        self.report: Report | None = None
        self.problems: dict[str, None] = {}

    def write(self, session: pytest.Session) -> None:
        """Write report.json with the exit code of the session."""
        from harness.reporting.shared.files import write_report

        if self.report is not None:
            self.report = replace(self.report, exit_code=int(session.exitstatus))
            with self._complaining(session):
                path = write_report(self.report, self._collection.settings.report_folder)
                self._path = self._path or path

    def keep(self, session: pytest.Session, driver: Driver) -> None:
        """Keep the report in the store, and close its run."""
        from harness.records.report_json import to_json

        assert self.report is not None
        before = len(self.problems)
        with self._complaining(session):
            driver.run.flush()
            driver.run.store.finish_run(self.report.run_id, to_json(self.report))
        with suppress(UsageError) if len(self.problems) > before else self._complaining(session):
            driver.close()

    def write_others(self, session: pytest.Session) -> None:
        """Write the report in the other formats, from the store; report.json again where something went wrong."""
        from harness.gate.history.runs import run_of
        from harness.reporting.writing import OF_A_GATE, write_reports
        from harness.store import Store, store_url

        if (report := self.report) is None:
            return
        settings = self._collection.settings
        if not self.problems:
            with self._complaining(session), Store.open(store_url(settings), readonly=True) as store:
                others = [name for name in OF_A_GATE if name != "json"]
                paths = write_reports(store, run_of(store, report.run_id), report, settings.report_folder, others)
                self._path = next((path for path in paths if path.suffix == ".html"), self._path)
        if self.problems:
            self.write(session)

    @contextmanager
    def _complaining(self, session: pytest.Session) -> Iterator[None]:
        """Note what goes wrong at the end; the exit code is then a usage error's. Ctrl-C ends it."""
        try:
            yield
        except KeyboardInterrupt:
            pass
        except UsageError as error:
            from harness.records import Note

            self.problems[str(error)] = None
            if self.report is not None and str(error) not in {note.text for note in self.report.notes}:
                self.report = replace(self.report, notes=(Note("problem", str(error)), *self.report.notes))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Write the table of verdicts, where the report is, and what went wrong at the end."""
        if self.report is not None:
            notes = tuple(note for note in self.report.notes if note.text not in self.problems)
            _show(replace(self.report, notes=notes), self._path, self._collection.settings, terminal)
        for problem in self.problems:
            terminal.write_line(f"ERROR: steelyard: {problem}", red=True)


def drawn_lines(run: Run, arguments: Iterable[object], exit_code: int) -> list[str]:
    """Say what a session drew for a gate that another decides, and how that is decided."""
    from harness.reporting.shared.figures import plural
    from harness.store.location import shown_arguments

    given, stopped = list(shown_arguments(arguments)), {each.cut_at for each in run.collectors.values() if each.cut_at}
    at = next((number for number, each in enumerate(given) if each.partition("=")[0] == "--draw"), len(given))
    is_apart = given[at : at + 1] == ["--draw"] and at + 1 < len(given) and given[at + 1][:1].isdecimal()
    del given[at : at + 1 + is_apart]
    drew = f"drew {plural(run.sampler.model_calls, 'sample')}, {run.sampler.stored_samples:,} were stored"
    versions = ", ".join(f"{each.version.name} {each.version.fingerprint[:12]}" for each in run.asked)
    then = "What is missing is drawn when it is started again."
    if exit_code == 0 and not stopped:
        then = f"When all that draw have ended: pytest {shlex.join([*given, '--offline'])}"
    lines = [f"{drew}; nothing was decided ({versions}).", then]
    return [f"steelyard: {each}" for each in (*lines, *(f"drew no more: {limit}" for limit in sorted(stopped)))]


def discard_report(collection: Collection) -> None:
    """Remove the last run's reports, which say nothing about this one, also where this one ends before it begins."""
    from harness.reporting.writing import discard

    with suppress(UsageError, OSError):
        discard(collection.settings.report_folder)


def prepare_reports(settings: Settings) -> None:
    """Make the report folder and see that the formats can be written; no empty one is left where no version is there to
    run.

    Raises:
        UsageError: there is no version under test, or a report can't be written.
    """
    from harness.config.roles import candidate_name
    from harness.reporting.shared.files import prepare_folder
    from harness.reporting.writing import check_formats

    check_formats()
    candidate_name(settings)
    prepare_folder(settings.report_folder)


def _show(report: Report, path: Path | None, settings: Settings, terminal: pytest.TerminalReporter) -> None:
    """Write the table of verdicts, and where the report is, as one who works here writes it: whole outside the project.

    Args:
        path: None where it could not be written.
    """
    from harness.reporting.terminal.report import Layout, render

    config = terminal.config
    folder, writer = config.invocation_params.dir, config.get_terminal_writer()
    shown = "not written" if path is None else str(path)
    if path is not None and path.is_relative_to(settings.root):
        shown = os.path.relpath(path, folder)
    encoding = getattr(terminal_file(config), "encoding", None) or "utf-8"
    layout = Layout(writer.fullwidth, writer.hasmarkup, encoding, terminal.verbosity)
    terminal.write_sep("=", "steelyard")
    for line in render(report, layout, shown):
        terminal.write_line(line)
