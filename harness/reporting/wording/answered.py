"""Notes on the versions that answered: which they are, whether they were asked, by which name a model answered, what an
application printed.
"""

from __future__ import annotations

import re
from itertools import chain

from harness.errors import without_traceback
from harness.records import Report, VersionRef
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import printable

_MOST_CELLS = 80
_MOST_OF_NOTE = 600
_DATE = re.compile(r"[-@:_.]?(?:\d{4}|\d{6}|\d{8}|\d{2}-\d{2}|\d{4}-\d{2}(?:-\d{2})?)")
_ALIASES = ("-latest", ":latest")


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
    """Note what a reader must know of versions that were answered under another name, each version once.

    A dated release of the model that was asked for is what an alias stands for; any other name may be another model.
    """
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
    listed = " and ".join(answered)
    if all(is_release(version.model or "", each) for each in version.answered_as):
        changes = "name it to keep the version as it is" if len(answered) == 1 else "it changed while it was sampled"
        return f"{name}: {asked} is an alias that stood for {listed}; {changes}"
    return (
        f"{name}: asked for {asked}, the endpoint says that {listed} answered: is it the model that you mean? Its "
        "answers are weighed as those of this version"
    )


def is_release(asked: str, answered: str) -> bool:
    """Tell whether a name is that of a dated release of the model that was asked for.

    >>> is_release("gpt-4o", "gpt-4o-2024-08-06"), is_release("gpt-4o", "gpt-4o-mini-2024-07-18")
    (True, False)
    """
    stem, full = (name.strip().rpartition("/")[2].lower() for name in (asked, answered))
    for alias in _ALIASES:
        stem = stem.removesuffix(alias)
    return full.startswith(stem) and bool(_DATE.fullmatch(full.removeprefix(stem)))
