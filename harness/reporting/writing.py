"""The formats that a run is reported in: one list of them, and one function that writes them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness.errors import SettingsError, choices
from harness.reporting.shared.files import REPORT_DIR, prepare_folder, replacing
from harness.reporting.shared.names import COMMENT_NAME

if TYPE_CHECKING:
    from harness.records import Report
    from harness.reporting.terminal.report import Layout
    from harness.store import RunInfo, Store


@dataclass(frozen=True, slots=True)
class Stored:
    """A run of a store, and how it is to be reported.

    Attributes:
        name: of the comment that the Markdown is for.
        link: where the whole report is, for the Markdown; None for nowhere.
        layout: of the terminal; None for 80 columns without colours.
        option: by which the user chooses where files go, for messages.
        store_option: what a command needs to read the same store.
    """

    store: Store
    run: RunInfo
    report: Report
    name: str = COMMENT_NAME
    link: str | None = None
    layout: Layout | None = None
    option: str = REPORT_DIR
    store_option: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One format. It is text for a stream, a file of bytes, or a folder with more than one file. What writes the first
    two gives a note: what a reader must know of them, or "".

    Attributes:
        file_name: what a reader opens, in the folder of the reports.
        beside: the folder of further files beside it, or "".
        package, extra: what it needs to be installed, and the extra of Steelyard that brings it.
    """

    name: str
    file_name: str
    summary: str
    to_stream: Callable[[Stored, TextIO], str] | None = None
    to_file: Callable[[Stored, Path], str] | None = None
    to_folder: Callable[[Stored, Path], Path] | None = None
    beside: str = ""
    package: str | None = None
    extra: str = ""


def _json(stored: Stored, stream: TextIO) -> str:
    from harness.records.report_json import print_report

    print_report(stored.report, stream)
    return ""


def _markdown(stored: Stored, stream: TextIO) -> str:
    from harness.reporting.markdown.report import markdown

    stream.write(markdown(stored.report, stored.name, stored.link))
    return ""


def _html(stored: Stored, folder: Path) -> Path:
    from harness.reporting.html import write_html

    return write_html(stored.store, stored.run, stored.report, folder, option=stored.option)


def _junit(stored: Stored, stream: TextIO) -> str:
    from harness.reporting.junit import write_junit

    write_junit(stored.report, stream, stored.run.spec.get("inconclusive", "fail"))
    return ""


def _csv(stored: Stored, stream: TextIO) -> str:
    from harness.reporting.samples_table import write_csv

    return _lost(write_csv(stored.store, stored.run, stored.report, stream))


def _parquet(stored: Stored, path: Path) -> str:
    from harness.reporting.samples_table import write_parquet

    return _lost(write_parquet(stored.store, stored.run, stored.report, path))


def _lost(n_rows: int) -> str:
    answers = "1 row has" if n_rows == 1 else f"{n_rows:,} rows have"
    return f"{answers} no answer: it was pruned from the store; scores and reasons stay" if n_rows else ""


def _terminal(stored: Stored, stream: TextIO) -> str:
    from harness.reporting.terminal.report import Layout, render_stored
    from harness.reporting.wording.waiting import resume_step

    hints = resume_step(stored.store, stored.report, stored.store_option)
    layout = stored.layout or Layout()
    lines = render_stored(stored.report, layout, store_option=stored.store_option, hints=hints)
    stream.writelines(f"{line}\n" for line in lines)
    return ""


FORMATS = {
    each.name: each
    for each in (
        Format("json", "report.json", "The whole run for machines, by a published schema.", to_stream=_json),
        Format(
            name="html",
            file_name="index.html",
            summary="A page for people, with every answer beside it.",
            to_folder=_html,
            beside="details",
        ),
        Format("markdown", "report.md", "A screenful for a pull request.", to_stream=_markdown),
        Format("junit", "junit.xml", "JUnit XML for the test pages of a CI system.", to_stream=_junit),
        Format("csv", "samples.csv", "Every score with its answer, for a spreadsheet.", to_stream=_csv),
        Format(
            name="parquet",
            file_name="samples.parquet",
            summary="The same for programs: typed, compressed, every text as it was.",
            to_file=_parquet,
            package="pyarrow",
            extra="datasets",
        ),
        Format("terminal", "report.txt", "What a gate prints.", to_stream=_terminal),
    )
}

OF_A_GATE = ("json", "html", "markdown")
"""What a gate writes into its report folder."""


def find_format(name: str) -> Format:
    """The format of a name.

    Raises:
        SettingsError: there is none, or what it needs is not installed.
    """
    if name not in FORMATS:
        raise SettingsError(f"--format: {choices('format', name, FORMATS)}")
    found = FORMATS[name]
    if found.package is not None and importlib.util.find_spec(found.package) is None:
        raise SettingsError(
            f"The format {name} needs {found.package}, which is not installed: "
            f'pip install "steelyard[{found.extra}]". The others do without it: '
            f"{', '.join(other.name for other in FORMATS.values() if other.package is None)}."
        )
    return found


def write_reports(
    store: Store, run: RunInfo, report: Report, folder: Path, formats: Sequence[str] = OF_A_GATE
) -> list[Path]:
    """Write a run into a folder, made where it is missing: what a reader opens of each format, in their order. Each
    file is replaced whole.

    Args:
        store: that holds the run, whose scores and answers some formats show.
        report: of the run, as it is now: labels and the exit code may be newer than what is stored.

    Raises:
        SettingsError: there is no such format, or the folder can't be written.
    """
    prepare_folder(folder)
    stored = Stored(store, run, report)
    return [write(stored, each, folder / each.file_name).path for each in map(find_format, formats)]


@dataclass(frozen=True, slots=True)
class Written:
    """What a reader opens, and what a reader must know of it, or ""."""

    path: Path
    note: str = ""


def write(stored: Stored, chosen: Format, path: Path) -> Written:
    """Write a run in one format to a file, or, where it is a folder of files, into the file's folder.

    Raises:
        SettingsError: it can't be written.
    """
    if chosen.to_folder is not None:
        try:
            return Written(chosen.to_folder(stored, path.parent))
        except OSError as error:
            reason = f"{error.strerror or error}. Choose another place with {stored.option}."
            raise SettingsError(f"{path.parent} can't be written: {reason}") from None
    note = ""
    with replacing(path, stored.option) as temporary:
        if chosen.to_stream is not None:
            plain = replace(stored, layout=None) if chosen.name == "terminal" else stored
            with temporary.open("w", encoding="utf-8", newline="\n") as stream:
                note = chosen.to_stream(plain, stream)
        elif chosen.to_file is not None:
            note = chosen.to_file(stored, temporary)
    return Written(path, note)


def discard(folder: Path) -> None:
    """Remove what a gate before this one wrote, which says nothing about this one.

    Raises:
        OSError: it can't be removed.
    """
    for each in (FORMATS[name] for name in OF_A_GATE):
        (folder / each.file_name).unlink(missing_ok=True)
        if each.beside:
            for path in (folder / each.beside).glob("[0-9]*.js"):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # there is none, or something of the user's in it
                (folder / each.beside).rmdir()
