"""Folders of what was built, each under the recipe that it was built by."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import BUILD_FORMAT, cache_dir
from harness.config.files import replacing
from harness.models.files.content_hash import files_hash, text_hash
from harness.stages.known_builds import known_builds

_log = logging.getLogger(__name__)
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class MadeFolder:
    """A folder that was built by a recipe.

    Attributes:
        path: where it lies.
        content: the digest of its files.
    """

    path: Path
    content: str

    @property
    def is_here(self) -> bool:
        """Whether the folder exists here; else only its content is known."""
        return self.path.is_dir()


def find_made(kind: str, recipe: Mapping[str, Any]) -> MadeFolder | None:
    """Find the folder that a recipe built before; None where there is none, or not what was built.

    Where nothing may be built, a folder that is only known to have been built counts, too.

    Args:
        kind: of build, such as "retrieval".
        recipe: all that decides what is built: settings, fingerprints of what it is made of, versions of packages.
    """
    path = place_of(kind, recipe)
    if path.is_dir():
        return _made(kind, path)
    content = known_builds().content(kind, path.name)
    return None if content is None else MadeFolder(path, content)


def make(
    kind: str, recipe: Mapping[str, Any], build: Callable[[Path], None], *, keeps_draft: bool = False
) -> MadeFolder:
    """Build a recipe's folder in the cache, if it is not there or damaged. Of several processes one builds, the others
    wait.

    Args:
        build: writes into the folder that it is given, which becomes the result when it ends.
        keeps_draft: whether what it wrote before it was killed is there when it is called again, so that it can go on.

    Raises:
        Exception: whatever `build` raises. What was built before is kept.
    """
    path = place_of(kind, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _turn(path):
        made = _made(kind, path) if path.is_dir() else None
        if made is None:
            shutil.rmtree(path, ignore_errors=True)
            _note_of(path).unlink(missing_ok=True)
            draft = path.with_name(f"{path.name}.draft")
            if not keeps_draft:
                shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(exist_ok=True)
            build(draft)
            draft.replace(path)
            made = _made(kind, path)
            assert made is not None
            with replacing(_note_of(path)) as note:
                note.write_text("\n".join([made.content, *_files(path)]), "utf-8")
    return made


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold the lock of a folder; where somebody else has it, that is told."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        _log.warning("%s is being built by somebody else; this build waits for it.", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def place_of(kind: str, recipe: Mapping[str, Any]) -> Path:
    """The folder of a recipe, whether anything is there or not."""
    text = json.dumps({"format": BUILD_FORMAT, **recipe}, sort_keys=True, separators=(",", ":"), default=str)
    return cache_dir() / kind / text_hash(kind, text)[:_DIGITS]


def _note_of(path: Path) -> Path:
    """The file beside a folder with the digest of what was built, and the names of its files in lines of their own."""
    return path.with_name(f"{path.name}.content")


def _files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def _made(kind: str, path: Path) -> MadeFolder | None:
    """The folder as it is; None where files were changed or lost since it was built, whatever was added."""
    note = _note_of(path)
    content, *built = note.read_text("utf-8").split("\n") if note.is_file() else [""]
    here = _files(path)
    made = MadeFolder(path, files_hash(path, [name for name in here if not built or name in built])[:_DIGITS])
    if content and content != made.content:
        _log.warning("%s is damaged: its files are not those that were built. It counts as not built.", path)
        return None
    known_builds().note(kind, path.name, made.content)
    return made
