"""Notes on the versions that answered: which they are, whether they were asked, by which name a model answered, what an
application printed.
"""

from __future__ import annotations

from itertools import chain

from harness.errors import without_traceback
from harness.records import Report, VersionRef
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import printable

_MOST_CELLS = 80
_MOST_OF_NOTE = 600


def not_asked(report: Report) -> str:
    """Say, in brackets after a space, that the candidate was not asked and of which days its answers are; else ""."""
    found = report.from_store
    if found is None:
        return ""
    days = found.oldest if found.oldest == found.newest else f"{found.oldest} to {found.newest}"
    return f" ({found.asked} not asked: answers of {days})"


def version_notes(report: Report, encoding: str) -> list[str]:
    """Note what the run tells of its versions, and of errors that no verdict rests on."""
    return [printable(without_traceback(note), _MOST_OF_NOTE, encoding=encoding) for note in report.notes]


def name_notes(report: Report, encoding: str) -> list[str]:
    """Note of versions that were answered under another name which that is, each version once."""
    told = [_note(version, encoding) for version in _versions(report) if version.model and version.answered_as]
    return list(dict.fromkeys(told))


def printed_notes(report: Report, encoding: str) -> list[str]:
    """Note what applications printed, and where it is."""
    return [
        f"{printable(version.name, _MOST_CELLS, encoding=encoding)} printed "
        f"{plural(version.printed_lines, 'line')}: pytest --log-cli-level DEBUG shows what it prints"
        for version in _versions(report)
        if version.printed_lines
    ]


def _versions(report: Report) -> list[VersionRef]:
    versions = chain([report.candidate], [report.baseline] if report.baseline else [], report.judges)
    return list(dict.fromkeys(versions))


def _note(version: VersionRef, encoding: str) -> str:
    name, asked, *answered = (
        printable(text, _MOST_CELLS, cut="middle", encoding=encoding)
        for text in (version.name, version.model or "", *version.answered_as)
    )
    return (
        f"{name}: asked for {asked}, the endpoint says that {' and '.join(answered)} answered: name that to keep the "
        "version as it is, if it is the model that you mean"
    )
