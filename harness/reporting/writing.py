"""The formats that a run is reported in, found by entry point, and the one function that writes them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness import entry_points
from harness.errors import EntryPointError, SettingsError
from harness.reporting.shared.files import REPORT_DIR, prepare_folder, replacing

if TYPE_CHECKING:
    from harness.records import Report
    from harness.reporting.terminal.report import Layout
    from harness.store import RunInfo, Store


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A run of a store, and how it is to be reported.

    Attributes:
        layout: of the terminal; None for 80 columns without colours.
        option: by which the user chooses where files go, for messages.
    """

    store: Store
    run: RunInfo
    report: Report
    layout: Layout | None = None
    option: str = REPORT_DIR


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """One format. It is text for a stream, a file of bytes, or a folder with more than one file. What writes the first
    two may give a note: what a reader must know of them.

    Attributes:
        file_name: what a reader opens, in the folder of the reports.
        beside: the folder of further files beside it, or "".
        package, install: the module that it needs, and the command that installs it.
    """

    name: str
    file_name: str
    summary: str
    to_stream: Callable[[StoredReport, TextIO], str | None] | None = None
    to_file: Callable[[StoredReport, Path], str | None] | None = None
    to_folder: Callable[[StoredReport, Path], Path] | None = None
    beside: str = ""
    package: str | None = None
    install: str = ""


OF_A_GATE = ("json", "html", "markdown")
"""The formats that a gate writes into its report folder."""


def formats() -> dict[str, ReportFormat]:
    """The formats that are written, by name, those of other distributions too; one that can't be loaded is left out."""
    loaded: dict[str, ReportFormat] = {}
    for name in entry_points.names("reports"):
        with suppress(EntryPointError):
            loaded[name] = load_format(name)
    return loaded


def load_format(name: str) -> ReportFormat:
    """The format that a distribution declares under this name. Raises EntryPointError: there is none, two distributions
    bring it, it can't be loaded, or it is something else."""
    point = entry_points.find("reports", name)
    loaded = entry_points.load(point)
    if not isinstance(loaded, ReportFormat):
        kind = type(loaded).__name__
        raise EntryPointError(f"The format {name!r} of {point.provider} is no ReportFormat: {point.target} is {kind}.")
    return replace(loaded, name=name)


def check_formats() -> None:
    """Refuse a gate that could not write its reports. Raises EntryPointError: two distributions bring one of its
    formats, or one can't be loaded."""
    for name in OF_A_GATE:
        load_format(name)


def find_format(name: str) -> ReportFormat:
    """The format of a name. Raises SettingsError: there is none, or what it needs is not installed."""
    try:
        chosen = load_format(name)
    except EntryPointError as error:
        raise EntryPointError(f"--format: {error}") from None
    if chosen.package is not None and importlib.util.find_spec(chosen.package) is None:
        others = ", ".join(other for other, each in formats().items() if each.package is None)
        raise SettingsError(
            f"The format {name} needs {chosen.package}, which is not installed: {chosen.install}. Formats without it: "
            f"{others}."
        )
    return chosen


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
    stored = StoredReport(store, run, report)
    return [write(stored, each, folder / each.file_name)[0] for each in map(find_format, formats)]


def write(stored: StoredReport, chosen: ReportFormat, path: Path) -> tuple[Path, str | None]:
    """Write a run in one format to a file, or, where it is a folder of files, into the file's folder.

    Return the file that a reader opens, and what a reader must know of it.

    Raises:
        SettingsError: it can't be written.
    """
    if chosen.to_folder is not None:
        try:
            return chosen.to_folder(stored, path.parent), None
        except OSError as error:
            reason = f"{error.strerror or error}. Choose another place with {stored.option}."
            raise SettingsError(f"{path.parent} can't be written: {reason}") from None
    with replacing(path, stored.option) as temporary:
        if chosen.to_file is not None:
            return path, chosen.to_file(stored, temporary)
        assert chosen.to_stream is not None
        plain = replace(stored, layout=None) if chosen.name == "terminal" else stored
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            return path, chosen.to_stream(plain, stream)


def discard(folder: Path) -> None:
    """Remove what a gate before this one wrote, which says nothing about this one. Raises OSError: it can't be."""
    for each in map(load_format, OF_A_GATE):
        (folder / each.file_name).unlink(missing_ok=True)
        if each.beside:
            for path in (folder / each.beside).glob("[0-9]*.js"):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # there is none, or something of the user's in it
                (folder / each.beside).rmdir()
