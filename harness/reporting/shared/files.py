"""The folder of a run's reports, and files in it that are replaced whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.config import files
from harness.errors import SettingsError
from harness.records import Report
from harness.records.report_json import FILE_NAME, print_report
from harness.reporting.shared.text import printable

REPORT_DIR = "--report-dir"
"""The option of a gate that names the folder of its reports."""


def prepare_folder(folder: Path, option: str = REPORT_DIR) -> Path:
    """Make the report folder and see that it can be written; worth doing before the first request.

    Args:
        option: by which another is chosen, for the message.

    Raises:
        SettingsError: it, or a folder above it, is a file; or it can't be made or written.
    """
    choose = f"Choose another with {option}."
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, FileExistsError | NotADirectoryError):
            culprit = next((place for place in (folder, *folder.parents) if place.is_file()), folder)
            reason = f"{culprit} is a file. Remove it, or choose with {option}."
        else:
            reason = f"{getattr(error, 'strerror', None) or error}. {choose}"
        raise SettingsError(f"The report folder {printable(str(folder))} can't be made: {reason}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"The report folder {folder} can't be written. {choose}")
    return folder


@contextmanager
def replacing(path: Path, option: str = REPORT_DIR) -> Iterator[Path]:
    """`files.replacing`, for a file of the reports.

    Args:
        option: by which another place is chosen, for the message.

    Raises:
        SettingsError: it can't be written.
    """
    try:
        with files.replacing(path) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{path} can't be written: {reason}. Choose another with {option}.") from None


def write_report(report: Report, folder: Path) -> Path:
    """Write report.json into a folder, made where it is missing. A reader sees the old file or the new one, never half.
    Raises SettingsError: the folder is a file, or can't be written."""
    path = prepare_folder(folder) / FILE_NAME
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as stream:
        print_report(report, stream)
    return path
