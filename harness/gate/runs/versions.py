"""Looks at the versions of a run: before the first request, and whether they are still the same after the last. Gives
the generations of their draws.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from harness.config import Settings, VersionSettings
from harness.config.files import FILE, texts_in
from harness.config.repository.git import Repository
from harness.errors import SettingsError, UsageError, some
from harness.gate.runs.costs import check_prices
from harness.models.application.identity import ApplicationFiles, files_of
from harness.models.application.spec import COMMAND, PYTHON, folder_of, python_of
from harness.models.engine_creation import check_version
from harness.models.spec import engine_spec
from harness.models.version import Version, load_version
from harness.store import RunInfo, Store

_DIGITS = 12
_FILES = 'files = ["…"]'
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Generations:
    """Gives the generations of a version, the newest first: the same ones to all who ask in a run, in any thread.

    Args:
        store: that has them.
        is_fresh: whether each version begins one.
    """

    def __init__(self, store: Store, *, is_fresh: bool = False) -> None:
        self._store = store
        self._is_fresh = is_fresh
        self._known: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def of(self, version: Version) -> tuple[int, ...]:
        """The generations of a version, by its fingerprint."""
        with self._lock:
            if version.fingerprint not in self._known:
                self._known[version.fingerprint] = self._store.generations(version.fingerprint, fresh=self._is_fresh)
            return self._known[version.fingerprint]


def check_versions(settings: Settings, names: Iterable[str]) -> None:
    """Refuse versions that could not answer, before any request.

    Raises:
        UsageError: what is wrong with one of them, and at which commit where it is of one; or its price is not known,
            where cost is bounded.
    """
    for name in names:
        version = settings.version(name)
        try:
            check_version(version, settings.root)
        except UsageError as error:
            if version.commit is None:
                raise
            raise SettingsError(f"{name}, the project as it was at {version.commit[:_DIGITS]}: {error}") from None
    check_prices(settings, names)


def why_unasked(version: Version, settings: Settings) -> str:
    """Say why a version at a commit can't be asked: another revision answers under its address today. "" where it can.

    What it was asked would be stored as answers of its commit, and be those of today.
    """
    own = version.settings
    if own.checkout is None or not (spec := engine_spec(own.engine)).is_endpoint(own.engine_options):
        return ""
    today = settings.version(own.checkout.own)
    if today.engine != own.engine or today.revision == own.revision:
        return ""
    if spec.identity_of(today, settings.root) != spec.identity_of(own, settings.root):
        return ""
    address, commit = spec.source_of(own.engine_options), own.checkout.commit[:_DIGITS]
    return (
        f"{version.name}: its answers are not in the store, and {address} serves revision {today.revision!r} today, "
        f"not {own.revision!r} of commit {commit}: what it answers now is no answer of that commit. Draw them while "
        f"that is served: in a checkout of {commit}, with this store, run pytest --candidate {today.name} "
        "--for-baseline. Or keep what they scored there (`steelyard baseline record`), or give each commit an address "
        'of its own, such as base_url = "http://${GIT_SHA}.example/v1"'
    )


def changed_versions(versions: Sequence[Version], root: Path, since_s: float) -> list[str]:
    """Say which versions are not what they were: weights, code or answers that were written while they were asked.

    What can't be read any more is no change: an engine has loaded it, or failed.

    Args:
        root: of the project.
        since_s: when the session began, by the clock that files have.
    """
    told = []
    for version in versions:
        with suppress(UsageError, OSError):
            now = load_version(version.settings, root, offline=True).fingerprint
            if now != version.fingerprint:
                old, written = version.fingerprint[:_DIGITS], _written_since(version, root, since_s)
                told.append(
                    f"version {version.name!r} changed while it was sampled: its fingerprint was {old} and is "
                    f"{now[:_DIGITS]}{written}. Nobody can tell which of the two gave the "
                    f"samples of this run; run again, and remove them with steelyard store prune --version {old}"
                )
    return told


def _written_since(version: Version, root: Path, since_s: float) -> str:
    """Name the files of an application that were written meanwhile, and how to say that they do not count."""
    if not _is_application(version.settings):
        return ""
    place, found = _files_of(version, root)
    written = []
    for file in found.files:
        with suppress(OSError):  # it is gone by now
            written += [file] if file.is_file() and file.stat().st_mtime >= since_s else []
    if not written:
        return ""
    names = [(file.relative_to(place) if file.is_relative_to(place) else file).as_posix() for file in written]
    return f" ({some(names)} written meanwhile; {_FILES} in its table says what counts)"


def version_notes(*versions: Version, root: Path, runs: Callable[[], Iterable[RunInfo]] = list) -> tuple[str, ...]:
    """The sentences that a reader must know of a run's versions: which commit one is of, that two are the same, which
    files are not as committed; and, which a store is told once, that all files of the project count for an
    application, and that stored answers of an endpoint may be of something that it serves no more.

    Args:
        versions: the candidate first.
        root: of the project.
        runs: gives the runs of the store before this one.
    """
    candidate, *others = versions
    checkouts = [each.settings.checkout for each in versions]
    told = [text for checkout in checkouts if checkout is not None for text in checkout.told]
    for other in others:
        if other.settings.checkout is not None and other.fingerprint == candidate.fingerprint:
            told.append(
                f"{other.name} is the same as {candidate.name}: nothing that its answers depend on is another at that "
                "commit, so that a version is weighed against itself"
            )
    of_revision = [_revision_note(each, root) for each in versions]
    uncommitted = "" if of_revision[0] else _uncommitted_note(candidate, others, root)
    told += filter(None, [*of_revision, uncommitted])
    endpoints = [each for each in versions if _is_loose(each)]
    applications = [each for each in versions if _is_application(each.settings) and each.settings.checkout is None]
    known = _asked_in(runs()) if endpoints or applications else frozenset()
    told += filter(None, (_all_files_note(each, root) for each in applications if each.fingerprint not in known))
    loose = list(dict.fromkeys(each.name for each in endpoints if each.fingerprint not in known))
    if loose:
        are = "is an endpoint" if len(loose) == 1 else "are endpoints"
        told.append(
            f"{' and '.join(loose)} {are} without revision: stored answers count for ever, also when something "
            "else is served there. Set one"
        )
    return tuple(dict.fromkeys(told))


def _all_files_note(version: Version, root: Path) -> str:
    """Tell that a change of any file draws all anew, where it is not known which ones an application reads."""
    why = _files_of(version, root)[1].all_since
    return why and (
        f"all files of the project count for {version.name}, so that a change of any of them draws its answers anew: "
        f"{why}. {_FILES} in the version's table says which ones its answers depend on"
    )


def _uncommitted_note(candidate: Version, others: Iterable[Version], root: Path) -> str:
    """Tell of files that are not as committed, where a version is weighed against one at a commit: those that either of
    them reaches; all where that is not known. "" for none.
    """
    baseline = next((each for each in others if each.settings.checkout is not None), None)
    changed = _uncommitted(root) if baseline is not None and candidate.settings.checkout is None else []
    if not changed or baseline is None or baseline.settings.checkout is None:
        return ""
    checkout = baseline.settings.checkout
    now, then = _reached(candidate, root), _reached(baseline, root)
    if now is not None and then is not None:
        tree = checkout.tree.resolve()
        now |= {checkout.project / place.relative_to(tree) for place in then if place.is_relative_to(tree)}
        above = {folder for place in now for folder in place.parents}  # a submodule is one path
        changed = [path for path in changed if path in above or not now.isdisjoint((path, *path.parents))]
    if not changed:
        return ""
    it, lies = ("it", "it lies") if len(changed) == 1 else ("them", "they lie")
    return (
        f"{_not_as_committed(changed, checkout.project)}: {candidate.name} is weighed with {it} as {lies} there, "
        f"{baseline.name} as it was at the commit. Cases and tests are today's for both"
    )


def _revision_note(version: Version, root: Path) -> str:
    """Warn of a version whose revision is the project's commit, where files are not as committed; "" otherwise. The
    content of an application is part of its fingerprint.
    """
    own = version.settings
    if own.checkout is not None or not own.revision or not _COMMIT.search(own.revision) or _is_application(own):
        return ""
    try:
        repository = Repository(root)
        commit = repository.commit("HEAD")
    except SettingsError:  # no clone: the commit is told from outside
        return ""
    changed = _uncommitted(root) if commit in own.revision else []
    if not changed:
        return ""
    return (
        f"{_not_as_committed(changed, repository.root)}, and the revision of {version.name} is the commit "
        f"{commit[:_DIGITS]}: its answers are stored as those of that commit. Commit before you draw them"
    )


def _not_as_committed(changed: Sequence[Path], top: Path) -> str:
    names = sorted(path.relative_to(top).as_posix() for path in changed)
    return f"{some(names)} {'is' if len(names) == 1 else 'are'} not as committed"


def _uncommitted(root: Path) -> list[Path]:
    """The files that are not as committed, without compiled ones; none where git can't tell."""
    try:
        return [path for path in Repository(root).changed_since("HEAD").paths if path.suffix != ".pyc"]
    except SettingsError:
        return []


def _reached(version: Version, root: Path) -> set[Path] | None:
    """The files and folders that a version's code and settings reach; None where that is not known."""
    own, place = version.settings, version.settings.root(root).resolve()
    if _is_application(own):
        return set(_files_of(version, root)[1].files)
    if own.steps or not engine_spec(own.engine).create.__module__.startswith("harness."):
        return None
    texts = [*texts_in(own.engine_options), *(text.removeprefix(FILE) for text in version.places.values())]
    return {Path(os.path.normpath(place / text)) for text in texts}


def _files_of(version: Version, root: Path) -> tuple[Path, ApplicationFiles]:
    """The folder of an application, and the files that its answers depend on."""
    own, place = version.settings, version.settings.root(root).resolve()
    folder = folder_of(own, place)
    return folder, files_of(own, folder, python_of(own, place))


def _is_application(version: VersionSettings) -> bool:
    return engine_spec(version.engine) in (PYTHON, COMMAND)


def _asked_in(runs: Iterable[RunInfo]) -> frozenset[str]:
    """The fingerprints of the versions of runs that came to their end."""
    specs = [run.spec for run in runs if run.finished]
    notes = [note for spec in specs for note in (spec.get("candidate"), spec.get("baseline"), *spec.get("judges", ()))]
    return frozenset(note["fingerprint"] for note in notes if note and note.get("fingerprint"))


def _is_loose(version: Version) -> bool:
    own = version.settings
    return engine_spec(own.engine).is_endpoint(own.engine_options) and own.revision is None
