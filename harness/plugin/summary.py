"""The end of a run: keep its report, close it, show its verdicts."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from harness.config import Settings
    from harness.gate import OpenRun
    from harness.plugin.collection import Collection
    from harness.plugin.driver import Driver
    from harness.records import Report


def report_folder(settings: Settings) -> Path:
    """Where report.json goes: the option or setting relative to the project, else reports/latest."""
    return settings.root / (settings.report_dir or "reports/latest")


def discard_report(collection: Collection) -> None:
    """Remove the last run's report.json, which says nothing about this one."""
    with suppress(UsageError, OSError):
        (report_folder(collection.settings) / "report.json").unlink()


def finish(opened: OpenRun, driver: Driver, exit_code: int, n_unreached: int) -> Report:
    """The report of a run."""
    from harness.gate import make_report

    return make_report(opened, exit_code=exit_code, wall_s=driver.wall_s, n_unreached=n_unreached)


def keep(report: Report, opened: OpenRun, driver: Driver) -> str:
    """Keep a report in the store, and close its run; the reason where that failed, else "". Ctrl-C ends any wait."""
    from harness.reporting.report_json import to_json

    problem = ""
    try:
        opened.run.flush()
        opened.store.finish_run(report.run_id, to_json(report))
    except UsageError as error:
        problem = str(error)
    except KeyboardInterrupt:
        pass
    try:
        driver.close(opened.close())
    except UsageError as error:
        problem = problem or str(error)
    return problem


def show(report: Report, path: Path | None, settings: Settings, terminal: TerminalReporter) -> None:
    """Write the table of verdicts, and where the report is (None where it could not be written)."""
    from harness.reporting.cases import look_up
    from harness.reporting.terminal import Layout, render
    from harness.reporting.waiting import review_step

    shown = path.relative_to(settings.root) if path is not None and path.is_relative_to(settings.root) else path
    writer = terminal._tw
    layout = Layout(
        width=writer.fullwidth,
        colour=writer.hasmarkup,
        encoding=getattr(writer._file, "encoding", None) or "utf-8",
        verbosity=terminal.verbosity,
    )
    terminal.write_sep("=", "steelyard")
    store = _store_option(terminal.config.getoption("store"))
    hints = [*review_step(report, store), *look_up(report, store)]
    for line in render(report, layout, str(shown or "not written"), hints):
        terminal.write_line(line)


def _store_option(place: str | None) -> str:
    """The option that names the same store to a command; an address with a password or a user is not repeated."""
    if place is None:
        return ""
    return " --store URL" if "@" in place else f" --store {shlex.quote(place)}"
