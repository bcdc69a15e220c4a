"""Names evaluations in a report: short, and never the same for two."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.errors import SettingsError, choices
from harness.records import Verdict, VersionRef
from harness.reporting.shared.figures import plural

if TYPE_CHECKING:
    from harness.gate.baselines.timeline import Trend
    from harness.gate.history.blame import PathLoss

_DIGITS = 12
_TOP_FOLDERS = ("suites", "tests", "evals")


def display_names(ids: Iterable[str]) -> dict[str, str]:
    """A short name for each evaluation's id (pytest's node id), with its module where two would be called the same.

    >>> display_names(["suites/foundation/test_facts.py::test_capitals[fr]"])
    {'suites/foundation/test_facts.py::test_capitals[fr]': 'foundation/test_capitals[fr]'}
    """
    unique = list(dict.fromkeys(ids))
    names = {identity: _short(identity) for identity in unique}
    for longer in (_with_module, str):
        times = Counter(names.values())
        clashes = [identity for identity in unique if times[names[identity]] > 1]
        names.update((identity, longer(identity)) for identity in clashes)
    return names


def kind_in_words(version: VersionRef) -> str:
    """Say that a version is a corpus, and its commit, in brackets after a space; "" for a model of no commit.

    >>> kind_in_words(VersionRef("clean", "0f", n_documents=4102)), kind_in_words(VersionRef("smollm2", "0f"))
    (' (corpus, 4,102 documents)', '')
    >>> kind_in_words(VersionRef("git:main", "0f", commit="725074f726e1f1d0"))
    ' (725074f726e1)'
    """
    parts = [] if version.n_documents is None else ["corpus", plural(version.n_documents, "document")]
    parts += [] if version.commit is None else [version.commit[:_DIGITS]]
    return f" ({', '.join(parts)})" if parts else ""


def row_names(verdicts: Sequence[Verdict | Trend] | Sequence[PathLoss]) -> list[str]:
    """A name for each verdict; the metric is in it where an evaluation has more than one."""
    names = display_names(verdict.id for verdict in verdicts)
    times = Counter(verdict.id for verdict in verdicts)
    return [
        f"{names[verdict.id]} {verdict.metric}" if times[verdict.id] > 1 else names[verdict.id] for verdict in verdicts
    ]


def find_evaluations(pattern: str, ids: Iterable[str], *, where: str) -> list[str]:
    """Those of the evaluations whose id, or name in the table, or test function, matches a shell pattern.

    Args:
        where: what the pattern was given as, for the message.

    Raises:
        SettingsError: there is none; the message lists the names.
    """
    names = display_names(ids)
    known = {identity: (identity, name, name.rpartition("/")[2]) for identity, name in names.items()}
    matches = [
        each
        for each, own in known.items()
        if any(pattern == name or fnmatch.fnmatchcase(name, pattern) for name in own)
    ]
    if not matches:
        raise SettingsError(f"{where}: {choices('evaluation', pattern, names.values())}")
    return matches


def _parts(identity: str) -> tuple[list[str], str, str]:
    """Folders, module and test of a node id; folders and module are empty where it is none."""
    path, separator, test = identity.partition("::")
    if not separator:
        return [], "", identity
    folders = path.split("/")
    module = folders.pop().removesuffix(".py")
    return folders[1:] if folders and folders[0] in _TOP_FOLDERS else folders, module, test


def _short(identity: str) -> str:
    folders, _, test = _parts(identity)
    return "/".join([*folders, test])


def _with_module(identity: str) -> str:
    folders, module, test = _parts(identity)
    return "/".join([*folders, module, test]) if module else identity


COMMENT_NAME = "gate"
"""The name of a pull request's comment where nobody says otherwise."""
