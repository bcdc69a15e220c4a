"""The one store of artifacts: folders in the cache, each under the recipe that it was built by, and built once.

Beside an artifact lie its `.lock`, its `.draft` while it is built, and its `.note`: its digest, its recipe, and its
files as they were built. The time of the note is that of its last use.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config.environment import cache_dir
from harness.config.files import replacing

BUILD_FORMAT = 1
"""Part of every recipe: raised when a recipe is built into something else, or kept otherwise."""
DRAFT_KEPT_S = 14 * 86400
KEPT_S = {"worktrees": 14 * 86400}
"""Seconds that a kind is kept after its last use. Others stay: to train again gives other weights."""
_DIGITS = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a recipe gave: the folder where it lies, and the digest that identifies its content."""

    path: Path
    digest: str
    recipe: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_here(self) -> bool:
        """True if the folder exists here; else only its digest is known."""
        return self.path.is_dir()

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """Stands for weights that are still to be built: those of a version of this name."""

    version: str

    def __str__(self) -> str:
        return "weights that are built here"


@dataclass(frozen=True, slots=True)
class Builds:
    """The `digests` that recipes gave before, on whatever machine, and those `noted` here, by kind and the name of the
    recipe's folder. Where nothing may be built (`is_offline`), what is not here is taken as it is known. Versions that
    were `resolved` are so for as long as these count.
    """

    digests: Mapping[tuple[str, str], str] = field(default_factory=dict)
    is_offline: bool = False
    noted: dict[tuple[str, str], str] = field(default_factory=dict)
    resolved: dict[tuple[Path, str], Any] = field(default_factory=dict)


_of_run: ContextVar[Builds | None] = ContextVar("builds", default=None)


def builds() -> Builds:
    """The builds that count now; outside a run none are known."""
    return _of_run.get() or Builds()


@contextmanager
def knowing(known: Builds) -> Iterator[Builds]:
    """Have these builds count within."""
    token = _of_run.set(known)
    try:
        yield known
    finally:
        _of_run.reset(token)


def place_of(kind: str, recipe: Mapping[str, Any]) -> Path:
    """The folder of a recipe, whether anything is there or not."""
    text = json.dumps({"format": BUILD_FORMAT, **recipe}, sort_keys=True, separators=(",", ":"), default=str)
    return cache_dir() / kind / _hash(kind, text)[:_DIGITS]


def find_artifact(kind: str, recipe: Mapping[str, Any]) -> Artifact | None:
    """Find what a recipe gave before; None where there is none, or its files are not those that were built.

    Where nothing may be built, what is only known to have been built counts, too.

    Args:
        kind: of build, such as "retrieval".
        recipe: all that decides what is built: settings, digests of what it is made of, versions of packages.
    """
    path = place_of(kind, recipe)
    digest, is_damaged = _digest_of(path), path.is_dir() and read_note(path) is not None
    if digest is None and is_damaged:
        _log.warning("%s is damaged: its files are not those that were built. It counts as not built.", path)
    elif digest is None and builds().is_offline:
        digest = builds().digests.get((kind, path.name))
    return None if digest is None else _used(Artifact(path, digest, recipe))


def latest(kind: str, recipe: Mapping[str, Any]) -> Artifact | None:
    """The artifact used last of those whose recipes have all of this; None where there is none."""
    artifacts = []
    for note in (cache_dir() / kind).glob("*.note"):
        with suppress(OSError):  # collected meanwhile
            artifacts.append((note.stat().st_mtime, note.with_suffix("")))
    for _, path in sorted(artifacts, reverse=True):
        whole = (read_note(path) or {}).get("recipe")
        if whole is not None and recipe.items() <= whole.items() and (digest := _digest_of(path)) is not None:
            return Artifact(path, digest, whole)
    return None


def get_or_build(
    kind: str,
    recipe: Mapping[str, Any],
    build: Callable[[Path], Path | None],
    *,
    digest: Callable[[Path], str] | None = None,
    keeps_draft: bool = False,
    waiting: Callable[[], object] = lambda: None,
) -> Artifact:
    """The artifact of a recipe, built now if it is not here or damaged. Of several builders one builds, others wait.

    Args:
        build: writes into the folder that it is given, which becomes the artifact when it ends; or a folder in it does,
            which it returns.
        digest: what identifies the content of the folder; its files as they are by default.
        keeps_draft: whether what was written before a build was killed is there for the next, so that it can go on.
        waiting: called where another one builds.
    """
    path = place_of(kind, recipe)
    known = _digest_of(path)
    if known is None:
        with turn(path, waiting):
            known = _digest_of(path)
            if known is None:
                if read_note(path) is not None or not path.is_dir():  # without a note it is whole: the disk was full
                    _build(path, build, keeps_draft=keeps_draft)
                names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
                files = {name: _state(path / name) for name in names}
                hashes = (part for name, (_, _, content) in files.items() for part in (name, content))
                known = _hash(*hashes)[:_DIGITS] if digest is None else digest(path)
                write_note(path, {"digest": known, "recipe": recipe, "files": files})
        collect()
    return _used(Artifact(path, known, recipe))


def _build(path: Path, build: Callable[[Path], Path | None], *, keeps_draft: bool) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    note_of(path).unlink(missing_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    if not keeps_draft:
        shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(exist_ok=True)
    try:
        (build(draft) or draft).replace(path)
    finally:
        if path.is_dir() or not keeps_draft:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def turn(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of an artifact; `waiting` is called where somebody else has it."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        _log.warning("%s is being built by somebody else; this build waits for it.", path)
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def note_of(path: Path) -> Path:
    """The file beside an artifact that tells of it."""
    return path.with_name(f"{path.name}.note")


def read_note(path: Path) -> dict[str, Any] | None:
    """Return what was noted of an artifact when it was whole; None for nothing."""
    try:
        note: dict[str, Any] = json.loads(note_of(path).read_bytes())
    except (OSError, ValueError):  # a power cut leaves a note that is empty
        return None
    return note


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Write what is to be known of an artifact; by whoever has its lock."""
    with replacing(note_of(path)) as draft:
        draft.write_text(json.dumps(note, default=str), "utf-8")


def collect() -> None:
    """Remove what nobody used for long and nobody holds the lock of: artifacts of `KEPT_S`, and drafts."""
    from filelock import FileLock, Timeout

    kept = {"*/*.draft": DRAFT_KEPT_S, **{f"{kind}/*.note": kept_s for kind, kept_s in KEPT_S.items()}}
    for pattern, kept_s in kept.items():
        for file in cache_dir().glob(pattern):
            path = file.with_suffix("")
            with suppress(OSError, Timeout):
                if _is_stale(file, kept_s):
                    with FileLock(f"{path}.lock", blocking=False):
                        if _is_stale(file, kept_s):
                            shutil.rmtree(path if file.suffix == ".note" else file)
                            file.unlink(missing_ok=True)


def _is_stale(file: Path, kept_s: float) -> bool:
    newest = max(each.stat().st_mtime for each in (file, *file.rglob("*")))
    return time.time() - newest > kept_s


def _used(artifact: Artifact) -> Artifact:
    builds().noted[artifact.path.parent.name, artifact.path.name] = artifact.digest
    with suppress(OSError):  # a cache that is only read
        os.utime(note_of(artifact.path))
    return artifact


def _digest_of(path: Path) -> str | None:
    """The digest of what was built; None where it is not here, or files were changed or lost, whatever was added."""
    note = read_note(path)
    if note is None or not path.is_dir():
        return None
    for name, (size, changed_ns, content) in note["files"].items():
        try:
            status = (path / name).stat()
        except OSError:
            return None
        if [status.st_size, status.st_mtime_ns] != [size, changed_ns] and _state(path / name)[2] != content:
            return None
    return str(note["digest"])


def _state(file: Path) -> tuple[int, int, str]:
    status = file.stat()
    with file.open("rb") as opened:
        return status.st_size, status.st_mtime_ns, hashlib.file_digest(opened, "sha256").hexdigest()


def _hash(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
