"""The formats that Steelyard itself brings, each behind an entry point in the group `steelyard.reports`."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from harness.errors import install
from harness.reporting.writing import ReportFormat, StoredReport


def _json(stored: StoredReport, stream: TextIO) -> None:
    from harness.records.report_json import print_report

    print_report(stored.report, stream)


def _markdown(stored: StoredReport, stream: TextIO) -> None:
    from harness.reporting.markdown.report import markdown
    from harness.reporting.steps import stored_now

    stream.write(markdown(stored_now(stored.store, stored.report)))


def _html(stored: StoredReport, folder: Path) -> Path:
    from harness.reporting.html import write_html

    return write_html(stored.store, stored.run, stored.report, folder, option=stored.option)


def _junit(stored: StoredReport, stream: TextIO) -> None:
    from harness.reporting.junit import write_junit

    write_junit(stored.report, stream, stored.run.spec.get("inconclusive", "fail"))


def _csv(stored: StoredReport, stream: TextIO) -> str | None:
    from harness.reporting.samples_table import write_csv

    return write_csv(stored.store, stored.run, stored.report, stream)


def _parquet(stored: StoredReport, path: Path) -> str | None:
    from harness.reporting.samples_table import write_parquet

    return write_parquet(stored.store, stored.run, stored.report, path)


def _terminal(stored: StoredReport, stream: TextIO) -> None:
    from harness.reporting.steps import stored_now
    from harness.reporting.terminal.report import Layout, render_stored

    lines = render_stored(stored_now(stored.store, stored.report), stored.layout or Layout())
    stream.writelines(f"{line}\n" for line in lines)


JSON = ReportFormat("json", "report.json", "The whole run for machines, by a published schema.", _json)
HTML = ReportFormat(
    "html", "index.html", "A page for people, with every answer beside it.", to_folder=_html, beside="details"
)
MARKDOWN = ReportFormat("markdown", "report.md", "A screenful for a pull request.", _markdown)
JUNIT = ReportFormat("junit", "junit.xml", "JUnit XML for the test pages of a CI system.", _junit)
CSV = ReportFormat("csv", "samples.csv", "Every score with its answer, for a spreadsheet.", _csv)
PARQUET = ReportFormat(
    name="parquet",
    file_name="samples.parquet",
    summary="The same for programs: typed, compressed, every text as it was.",
    to_file=_parquet,
    package="pyarrow",
    install=install("datasets"),
)
TERMINAL = ReportFormat("terminal", "report.txt", "What a gate prints.", _terminal)
