"""The files of a repository as they were at a commit, in a worktree of git that is kept in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.config.artifacts import collect, note_of, place_of, read_note, turn, write_note
from harness.config.repository.git import Repository
from harness.errors import SettingsError

_KIND = "worktrees"
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
    tree = place_of(_KIND, {"repository": str(repository.root), "commit": commit})
    try:
        with turn(tree):
            note = read_note(tree)
            if note is None or not _is_as_committed(tree, commit, name):
                note_of(tree).unlink(missing_ok=True)
                _make(repository, tree, commit, name)
            ignored = _link_ignored(repository, tree, {} if note is None else note["ignored"])
            write_note(tree, {"digest": commit, "recipe": {}, "files": {}, "ignored": ignored})
        collect()
    except OSError as error:
        raise SettingsError(
            f"{name}: no worktree can be made in {tree.parent}: {error.strerror or error}. STEELYARD_CACHE names "
            "another folder for it."
        ) from None
    return tree


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


def _link_ignored(repository: Repository, tree: Path, before: Iterable[str]) -> list[str]:
    """Link what git ignores now, and unlink what it ignored before and ignores no more, which is code."""
    ignored = repository.ignored()
    for name in set(before) - ignored:
        place = tree / name
        if place.is_symlink() and place.readlink() == repository.root / name:
            place.unlink()
    for name in ignored:
        place, own = tree / name, repository.root / name
        if place.parent.is_dir() and not place.is_symlink() and not place.exists():
            place.symlink_to(own)
    return sorted(ignored)
