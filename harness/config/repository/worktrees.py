"""The files of a repository as they were at a commit, in a worktree of git that is kept in the cache."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from harness.config.environment import cache_dir
from harness.config.repository.git import Repository
from harness.errors import SettingsError

KEPT_S = 14 * 86400
"""Seconds that a worktree is kept after its last use."""
_USED, _LOCK = ".used", ".lock"
_DIGITS = 12


def check_out(repository: Repository, commit: str, name: str) -> Path:
    """The folder with the repository's files as they were at a commit; made once, and mended where somebody changed it.

    What git ignores now, such as an index, weights or `.env`, is the project's own, by links: no commit has it. A
    submodule is at the commit that it had. Of several processes one makes it, and the others wait.

    Args:
        name: by which the commit was asked for, such as "git:main", for messages.

    Raises:
        SettingsError: git can't make it, or a submodule's commit is not here.
    """
    digest = sha256(str(repository.root).encode()).hexdigest()[:8]
    folder = cache_dir() / "worktrees" / f"{repository.root.name}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tree = folder / commit[:_DIGITS]
        with _alone(tree):
            if not (_beside(tree, _USED).is_file() and _is_as_committed(tree, commit, name)):
                _beside(tree, _USED).unlink(missing_ok=True)
                _make(repository, tree, commit, name)
            _link_ignored(repository, tree)
        _remove_stale(folder.parent, tree)
    except OSError as error:
        raise SettingsError(
            f"{name}: no worktree can be made in {folder}: {error.strerror or error}. STEELYARD_CACHE names another "
            "folder for it."
        ) from None
    return tree


def _beside(tree: Path, suffix: str) -> Path:
    return tree.with_name(f"{tree.name}{suffix}")


@contextmanager
def _alone(tree: Path) -> Iterator[None]:
    """Nobody else makes or removes this worktree meanwhile."""
    import fcntl

    with _beside(tree, _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_as_committed(tree: Path, commit: str, name: str) -> bool:
    """Tell whether a worktree is at its commit, with no tracked file changed; one that was changed is set back."""
    try:
        made = Repository(tree, name)
        if made.root != tree.resolve():
            return False
        made.ask("reset", "--hard", "--quiet", commit)
    except SettingsError:  # its repository was moved, or what git keeps of it was pruned
        return False
    return True


def _make(repository: Repository, tree: Path, commit: str, name: str) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    # Forced twice: git may know of one there that is gone, and hold it for locked, as one is that is half made.
    repository.ask("worktree", "add", "--force", "--force", "--detach", "--quiet", str(tree), commit)
    if (tree / ".gitmodules").is_file():
        _add_submodules(repository, tree, commit, name)


def _add_submodules(repository: Repository, tree: Path, commit: str, name: str) -> None:
    """Put submodules at the commit that they had; one that is not there now is left empty, as it is there now."""
    for path, of_module in repository.submodules(commit).items():
        own = repository.root / path
        if not (own / ".git").exists():
            continue
        module = Repository(own, name)
        try:
            module.commit(of_module)
        except SettingsError:
            raise SettingsError(
                f"{name}: the submodule {path} was at commit {of_module[:_DIGITS]} there, which is not here. Fetch it: "
                f"git -C {path} fetch origin {of_module}"
            ) from None
        _make(module, tree / path, of_module, name)


def _link_ignored(repository: Repository, tree: Path) -> None:
    used = _beside(tree, _USED)
    before = set(os.fsdecode(used.read_bytes()).split("\0")) if used.is_file() else set()
    ignored = repository.ignored()
    for name in before - ignored:  # what is ignored no more is code
        place = tree / name
        if name and place.is_symlink() and place.readlink() == repository.root / name:
            place.unlink()
    used.write_bytes(os.fsencode("\0".join(sorted(ignored))))
    for name in ignored:
        place, own = tree / name, repository.root / name
        if place.parent.is_dir() and not place.is_symlink() and not place.exists():
            place.symlink_to(own)


def _remove_stale(folder: Path, kept: Path) -> None:
    """Remove worktrees that nobody used for long, of whatever repository; git forgets them by itself."""
    for used in folder.glob(f"*/*{_USED}"):
        tree = used.with_name(used.name.removesuffix(_USED))
        with suppress(OSError):
            if tree != kept and time.time() - used.stat().st_mtime > KEPT_S:
                with _alone(tree):
                    if time.time() - used.stat().st_mtime > KEPT_S:
                        used.unlink()
                        shutil.rmtree(tree)
