"""The repository that a project lies in, by git: its commits, its files, and its files as they were at a commit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.config.artifacts import collect, note_of, place_of, read_note, turn, write_note
from harness.config.environment import ask_git
from harness.errors import SettingsError, nearest

_CACHES = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"}
_DIGITS = 12
_ASIDE = ("evals", "suites", "tests", "reports", "docs")
"""Folders beside the code that are no part of what it answers."""
_ABOUT = re.compile(
    r"(readme|changelog|changes|contributing|security|code_of_conduct|authors|notice|licen[cs]e|makefile)(\..*)?"
    r"|(pyproject|steelyard(\.waivers)?)\.toml|(pytest|tox)\.ini|setup\.cfg|conftest\.py|test_.*\.py|.*_test\.py"
    r"|junit.*\.xml|.*\.junit\.xml|coverage\.xml",
    re.IGNORECASE,
)
"""Files beside the code that describe the project, or say how it is tested."""
_LOCK = re.compile(r".+\.lock|.+[-.]lock\.\w+|requirements.*\.txt|pylock.*\.toml|go\.sum")


class Repository:
    """The git repository that a folder is in.

    Args:
        folder: in it.
        name: what git is asked for, in messages: "git:main".

    Raises:
        SettingsError: it is in none, or git can't be asked.
    """

    def __init__(self, folder: Path, name: str = "git:HEAD") -> None:
        self._folder = folder
        self._name = name
        self.root = Path(self._text("rev-parse", "--show-toplevel")).resolve()

    def commit(self, ref: str) -> str:
        """The commit that a ref names. Raises SettingsError: there is none here; saying how to fetch it."""
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.decode().strip()
        if not self._run("rev-list", "--all", "--max-count=1").stdout:
            raise SettingsError(f"git:{ref}: the repository {self.root} has no commit yet; commit first.")
        remotes = self._text("remote").split()
        remote = next((each for each in (ref.partition("/")[0], "origin", *remotes) if each in remotes), "")
        why, how = "", f"Fetch it first (git fetch {remote}), or name" if remote else "Name"
        if self._text("rev-parse", "--is-shallow-repository") == "true":
            why = ": this is a shallow clone"
            how = (
                "In CI fetch it first: fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab, or git fetch "
                f"--unshallow {remote or 'origin'}, or name"
            )
        known = self._text("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
        raise SettingsError(
            f"git:{ref}: no commit of this name is known here{why}.{nearest(ref, known.split())} {how} a branch, tag "
            "or commit that `git log` knows."
        )

    def files(self) -> list[Path]:
        """The files below the folder that git tracks or does not ignore; a submodule is one path."""
        names = self._names("ls-files", "--cached", "--others", "--exclude-standard", "-z")
        return sorted(self._folder / name for name in names)

    def uncommitted(self) -> list[str]:
        """The names of files that are not as committed, new ones among them, from the root of the repository."""
        what = ("--porcelain", "--no-renames", "--untracked-files=all", "-z")
        listed = self._names("--no-optional-locks", "status", *what)
        return sorted(name for line in listed if not _is_cache(name := line[3:]))

    def ignored(self) -> set[str]:
        """List the files and folders that git ignores, without caches of Python, from the root of the repository."""
        what = ("--others", "--ignored", "--exclude-standard", "--directory", "-z", "--full-name", "--", ":/")
        return {name for name in self._names("ls-files", *what) if not _is_cache(name)}

    def described(self, commit: str) -> str:
        """The date of a commit and the first line of its message."""
        return self._text("log", "-1", "--no-show-signature", "--format=%cs %s", commit)

    def dated(self, commits: Iterable[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
        """When each of these commits was made (ISO 8601), and its tags; those that are not here are left out."""
        what = ("--no-walk=unsorted", "--ignore-missing", "--decorate-refs=refs/tags/*", "--format=%H%x00%ct%x00%D")
        known = {}
        for line in self._text("log", *what, *named).splitlines() if (named := {*commits}) else ():
            commit, at, tags = line.split("\0")
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(at)))
            known[commit] = when, tuple(each.removeprefix("tag: ") for each in tags.split(", ") if each)
        return known

    def contents(self, folder: Path) -> Iterator[tuple[str, str, bytes]]:
        """The files of a folder at each commit that wrote them, newest first: commit, name from the root, content."""
        what = ("--no-renames", "--diff-filter=AM", "--format=%x01%H", "--name-only", "--", str(folder))
        for written in filter(None, os.fsdecode(self._run("log", *what).stdout).split("\1")):
            commit, *names = filter(None, written.splitlines())
            for name in names:
                yield commit, name, self._run("show", f"{commit}:{name}").stdout

    def series(self, good: str, bad: str) -> list[tuple[str, str]]:
        """The commit `good` and those from there to `bad` along first parents, each with its date and message.

        Raises:
            SettingsError: there is no such commit, or the one does not lead to the other.
        """
        ends = self.commit(good), self.commit(bad)
        if self._run("merge-base", "--is-ancestor", *ends).returncode:
            raise SettingsError(f"{self._name}: {good} is no ancestor of {bad}; name a good commit before the bad one.")
        later = self._text("rev-list", "--first-parent", "--reverse", f"{ends[0]}..{ends[1]}").split()
        return [(each, self.described(each)) for each in (ends[0], *later)]

    def check_out(self, commit: str) -> Path:
        """The folder with the files as they were at a commit: a worktree in the cache, made once, and mended where
        somebody changed it. Of several processes one makes it, and the others wait.

        What git ignores now, such as an index, weights or `.env`, is the project's own, by links: no commit has it. A
        submodule is at the commit that it had.

        Raises:
            SettingsError: git can't make it, or a submodule's commit is not here.
        """
        tree = place_of("worktrees", {"repository": str(self.root), "commit": commit})
        try:
            with turn(tree):
                note = read_note(tree)
                if note is None or not self._is_mended(tree, commit):
                    note_of(tree).unlink(missing_ok=True)
                    self._add_worktree(tree, commit)
                ignored = self._link_ignored(tree, () if note is None else note["ignored"])
                write_note(tree, {"digest": commit, "recipe": {}, "files": {}, "ignored": ignored})
            collect()
        except OSError as error:
            raise SettingsError(
                f"{self._name}: no worktree can be made in {tree.parent}: {error.strerror or error}. STEELYARD_CACHE "
                "names another folder for it."
            ) from None
        return tree

    def _is_mended(self, tree: Path, commit: str) -> bool:
        """Set a worktree back to its commit; False where it is none."""
        try:
            made = Repository(tree, self._name)
            if made.root == tree.resolve():
                made._text("reset", "--hard", "--quiet", commit)
            return made.root == tree.resolve()
        except SettingsError:  # its repository was moved, or what git keeps of it was pruned
            return False

    def _add_worktree(self, tree: Path, commit: str) -> None:
        shutil.rmtree(tree, ignore_errors=True)
        # Forced twice: git may know of one there that is gone, and hold it for locked, as one is that is half made.
        self._text("worktree", "add", "--force", "--force", "--detach", "--quiet", str(tree), commit)
        entries = self._names("ls-tree", "-r", "-z", "--full-tree", commit) if (tree / ".gitmodules").is_file() else ()
        for _, _, at, path in (re.split(r"[ \t]", entry, maxsplit=3) for entry in entries if entry[:6] == "160000"):
            if not (self.root / path / ".git").exists():
                continue  # it is left empty, as it is now
            module = Repository(self.root / path, self._name)
            if module._run("cat-file", "-e", f"{at}^{{commit}}").returncode:
                raise SettingsError(
                    f"{self._name}: the submodule {path} was at commit {at[:_DIGITS]} there, which is not here. Fetch "
                    f"it: git -C {path} fetch origin {at}"
                )
            module._add_worktree(tree / path, at)

    def _link_ignored(self, tree: Path, before: Iterable[str]) -> list[str]:
        """Link what git ignores now, and unlink what it ignored before and ignores no more, which is code."""
        ignored = self.ignored()
        for name in set(before) - ignored:
            if (tree / name).is_symlink() and (tree / name).readlink() == self.root / name:
                (tree / name).unlink()
        for name in ignored:
            place = tree / name
            if place.parent.is_dir() and not place.is_symlink() and not place.exists():
                place.symlink_to(self.root / name)
        return sorted(ignored)

    def _names(self, *arguments: str) -> set[str]:
        """The names that a command lists, each ended by a NUL."""
        return set(filter(None, self._text(*arguments).split("\0")))

    def _text(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode != 0:
            message = " ".join(done.stderr.decode(errors="replace").split())
            begin = "git init and commit first, " if "not a git repository" in message else ""
            raise SettingsError(
                f"{self._name}: git says in {self._folder}: {message}. Run it in a clone of the project, "
                f"{begin}or leave {self._name} out."
            )
        return os.fsdecode(done.stdout).rstrip("\n")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return ask_git(self._folder, *arguments)
        except OSError as error:
            raise SettingsError(f"{self._name}: git can't be run: {error.strerror}.") from None


def _is_cache(name: str) -> bool:
    return name.endswith(".pyc") or not _CACHES.isdisjoint(Path(name).parts)


def project_files(folder: Path) -> list[Path]:
    """The files of a folder that its code may depend on: those that git tracks or does not ignore, all without git; no
    hidden ones, logs and caches, and of the folder itself nothing that describes or tests the project.
    """
    root = project_root(folder)
    try:
        known = [path for path in Repository(folder).files() if path.resolve().is_relative_to(root)]
    except SettingsError:
        known = []
    shown = [path for path in known if not _is_hidden(path.relative_to(folder))]
    # What git does not know is all there, where it ignores the folder, or there is no git.
    files = [file for path in (shown if known else [folder]) for file in (path, *files_below(path)) if file.is_file()]
    return [file for file in files if not _is_aside(file.relative_to(folder))]


def _is_aside(name: Path) -> bool:
    return _ABOUT.fullmatch(name.name) is not None if len(name.parts) == 1 else name.parts[0] in _ASIDE


def _is_hidden(name: Path) -> bool:
    is_kept_aside = not {"__pycache__", "node_modules"}.isdisjoint(name.parts)
    return name.suffix in (".pyc", ".log") or is_kept_aside or any(part.startswith(".") for part in name.parts)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it or that links in it lead to; no hidden ones, logs, caches and
    virtual environments.
    """
    seen: set[Path] = set()  # for a link may lead back
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if not place.is_dir() or place.resolve() in seen or (place / "pyvenv.cfg").is_file():
            continue
        seen.add(place.resolve())
        shown = sorted(path for path in place.iterdir() if not _is_hidden(Path(path.name)))
        yield from (path for path in shown if path.is_file())
        waiting += reversed(shown)


def lock_files(folder: Path) -> list[Path]:
    """The files that say what is installed: those of the nearest folder that has some, from this one up to the root of
    its repository.
    """
    root = project_root(folder)
    for place in (folder, *folder.parents):
        locks = sorted(path for path in place.glob("*") if _LOCK.fullmatch(path.name) and path.is_file())
        if locks or place.resolve() == root:
            return locks
    return []


def project_root(folder: Path) -> Path:
    """The root of the repository that a folder is in; the folder itself where it is in none."""
    try:
        return Repository(folder).root
    except SettingsError:
        return folder.resolve()


def is_installed(place: Path) -> bool:
    """Tell whether a file, or a folder, is of what is installed and not of a project."""
    is_of_packages = not {"site-packages", "dist-packages"}.isdisjoint(place.parts)
    return is_of_packages or place.is_relative_to(Path(sys.prefix).resolve())
