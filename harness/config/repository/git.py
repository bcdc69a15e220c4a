"""Asks git which files of a project changed since a commit, and what one held then."""

from __future__ import annotations

import glob
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.config.environment import ask_git
from harness.errors import SettingsError, nearest

_CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store")
"""Ignored names that no evaluation reads."""


class ChangedFiles:
    """Files that are not as they were at a commit: changed, added, removed or renamed, committed or not.

    Args:
        root: of the repository.
        paths: absolute, without symbolic links in their folders; a submodule or a repository within is one path.
        unknown: files and folders that git ignores, of which it can't tell.
    """

    def __init__(self, root: Path, paths: Iterable[Path], unknown: Iterable[Path] = ()) -> None:
        self.root = root
        self.paths = frozenset(paths)
        self._unknown = frozenset(unknown)
        self._below = {folder: path for path in sorted(self.paths, reverse=True) for folder in path.parents}
        self._by_stem = {stem: path for path in sorted(self.paths, reverse=True) for stem in stems_of(path)}
        self._unknown_below = {folder for path in self._unknown for folder in path.parents}

    @cached_property
    def names(self) -> frozenset[str]:
        """All names of files and folders in what changed and what is unknown, with and without suffixes: the path of
        such a one has one of them, unless a link leads there.
        """
        places = (place for path in self.paths | self._unknown for place in (path, *stems_of(path)))
        return frozenset(part for place in places for part in place.relative_to(self.root).parts)

    def within(self, path: Path) -> Path | None:
        """A changed file that is this one, lies in this folder, is this one with a suffix that a library appends to a
        path where nothing is, or is a repository that holds it.
        """
        for place in _places(path):
            if place in self.paths:
                return place
            if place in self._below:
                return self._below[place]
            if place in self._by_stem and not place.exists():
                return self._by_stem[place]
            if above := self.paths.intersection(place.parents):
                return min(above)
        return None

    def find_unknown(self, path: Path) -> Path | None:
        """This file or folder, where a change of it or in it would not be known; where nothing is, such a file with a
        suffix that a library appends.
        """
        for place in _places(path):
            is_ignored = not self._unknown.isdisjoint((place, *place.parents))
            if place.exists():
                if is_ignored or place in self._unknown_below or not place.is_relative_to(self.root):
                    return path
            elif place in self._unknown_by_stem:
                return self._unknown_by_stem[place]
            elif is_ignored and (found := next(place.parent.glob(f"{glob.escape(place.name)}.*"), None)):
                return found
        return None

    @cached_property
    def _unknown_by_stem(self) -> dict[Path, Path]:
        files = filter(Path.is_file, sorted(self._unknown, reverse=True))
        return {stem: path for path in files for stem in stems_of(path)}


def stems_of(path: Path) -> list[Path]:
    """The paths that a library may have been given that appends a suffix, as `shelve` makes `sh.db` and `sh.dat` of
    `sh`. None of code, which is found by its imports.
    """
    name = path.name
    ends = [] if path.suffix == ".py" else [end for end, sign in enumerate(name) if sign == "." and end]
    return [path.with_name(name[:end]) for end in ends]


def _places(path: Path) -> set[Path]:
    """Give the places that a path leads to: a link and what it links to may both have changed."""
    return {path.parent.resolve() / path.name, path.resolve()}


@dataclass(frozen=True, slots=True)
class Asking:
    """The option or setting that git is asked for, in the words of messages.

    Attributes:
        what: its name: "--changed-since".
        about: what git is to tell: "what changed".
        ref: begins the message about a ref that is unknown; the ref follows.
    """

    what: str = "--changed-since"
    about: str = "what changed"
    ref: str = "--changed-since "


class Repository:
    """The git repository that a folder is in.

    Args:
        folder: in it.
        asking: who asks.

    Raises:
        SettingsError: it is in none, or git can't be asked.
    """

    def __init__(self, folder: Path, asking: Asking = Asking()) -> None:
        self._folder = folder
        self._asking = asking
        self.root = Path(self._text("rev-parse", "--show-toplevel")).resolve()

    def commit(self, ref: str) -> str:
        """The commit that a ref names.

        Raises:
            SettingsError: there is none here; saying how to fetch it.
        """
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.decode().strip()
        if not self._run("rev-list", "--all", "--max-count=1").stdout:
            raise SettingsError(f"{self._asking.ref}{ref}: the repository {self.root} has no commit yet; commit first.")
        remotes = self._run("remote").stdout.decode(errors="replace").split()
        remote = next((each for each in (ref.partition("/")[0], "origin", *remotes) if each in remotes), "")
        why, how = "", f"Fetch it first (git fetch {remote}), or name" if remote else "Name"
        if self._run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
            why = ": this is a shallow clone"
            how = (
                "In CI fetch it first: fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab, or git fetch "
                f"--unshallow {remote or 'origin'}, or name"
            )
        known = self._run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
        meant = nearest(ref, known.stdout.decode(errors="replace").split())
        raise SettingsError(
            f"{self._asking.ref}{ref}: no commit of this name is known here{why}.{meant} {how} a "
            "branch, tag or commit that `git log` knows."
        )

    def common(self, commit: str) -> str:
        """The newest commit that a commit and the working tree's come from; itself where none is known here."""
        return self._run("merge-base", commit, "HEAD").stdout.decode().strip() or commit

    def changed_since(self, commit: str) -> ChangedFiles:
        """List the files in the working tree that differ from a commit, with those not committed and not tracked.

        Raises:
            SettingsError: git can't tell.
        """
        how = ("--name-only", "--no-renames", "--no-ext-diff", "--no-relative", "--ignore-submodules=none", "-z")
        changed = self._names("diff", *how, commit, "--")
        changed |= self._names("ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", ":/")
        listed = self._names("ls-files", "-v", "-z", "--full-name", "--", ":/")
        unseen = {line[2:] for line in listed if line[:1].islower() or line[:1] == "S"}  # told not to look at these
        return ChangedFiles(self.root, self._paths(changed | unseen), self._paths(self.ignored()))

    def ignored(self) -> set[str]:
        """List the files and folders that git ignores, without caches of Python, from the root of the repository."""
        names = self._names(
            *("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--full-name", "--", ":/")
        )
        return {name for name in names if not set(Path(name).parts) & set(_CACHES) and not name.endswith(".pyc")}

    def submodules(self, commit: str) -> dict[str, str]:
        """The commits that submodules were at, by their folders."""
        entries = self._names("ls-tree", "-r", "-z", "--full-tree", commit)
        found = (entry.split("\t", 1) for entry in entries if entry.startswith("160000 "))
        return {path: head.split()[2] for head, path in found}

    def described(self, commit: str) -> str:
        """The date of a commit and the first line of its message."""
        return self._text("log", "-1", "--no-show-signature", "--format=%cs %s", commit)

    def ask(self, *arguments: str) -> None:
        """Run a command of git without hooks.

        Raises:
            SettingsError: it fails, with what git says.
        """
        self._check(self._run("-c", "core.hooksPath=/dev/null", *arguments))

    def file_at(self, commit: str, path: Path) -> bytes | None:
        """Give the content of a file at a commit; None where it was not there."""
        if not path.resolve().is_relative_to(self.root):
            return None
        done = self._run("cat-file", "blob", f"{commit}:{path.resolve().relative_to(self.root).as_posix()}")
        return done.stdout if done.returncode == 0 else None

    def known_files(self) -> list[Path]:
        """All files that git tracks, and those that it does not ignore; a submodule is one path.

        Raises:
            SettingsError: git can't tell.
        """
        tracked = self._names("ls-files", "--cached", "-z", "--full-name", "--", ":/")
        others = self._names("ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", ":/")
        written = {name for name in others if not set(Path(name).parts[:-1]) & {*_CACHES, "reports"}}
        return sorted(self._paths(tracked | written))

    def _paths(self, names: Iterable[str]) -> frozenset[Path]:
        return frozenset(self.root / name for name in names)

    def _names(self, *arguments: str) -> set[str]:
        """The names that a command lists, each ended by a NUL."""
        done = self._run(*arguments)
        self._check(done)
        return {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}

    def _text(self, *arguments: str) -> str:
        done = self._run(*arguments)
        self._check(done)
        return os.fsdecode(done.stdout).rstrip("\n")

    def _check(self, done: subprocess.CompletedProcess[bytes]) -> None:
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise SettingsError(
                f"{self._asking.what} asks git {self._asking.about}, and in {self._folder} git says: {said}. Run it in "
                f"a clone of the project, or leave {self._asking.what} out."
            )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return ask_git(self._folder, *arguments)
        except OSError as error:
            raise SettingsError(
                f"{self._asking.what} asks git {self._asking.about}, and git can't be run: {error.strerror}."
            ) from None
