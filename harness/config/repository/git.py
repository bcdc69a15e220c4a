"""Asks git about a project: its commits, and its files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.config.environment import ask_git
from harness.errors import SettingsError, nearest

_CACHES = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"}


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
            f"git:{ref}: no commit of this name is known here{why}.{meant} {how} a branch, tag or commit that "
            "`git log` knows."
        )

    def files(self) -> list[Path]:
        """The files below the folder that git tracks or does not ignore; a submodule is one path."""
        names = self._names("ls-files", "--cached", "--others", "--exclude-standard", "-z")
        return sorted(self._folder / name for name in names)

    def uncommitted(self) -> list[str]:
        """The names of files that are not as committed, new ones among them, from the root of the repository."""
        listed = self._names(
            "--no-optional-locks", "status", "--porcelain", "--no-renames", "--untracked-files=all", "-z"
        )
        return sorted(name for line in listed if not _is_cache(name := line[3:]))

    def ignored(self) -> set[str]:
        """List the files and folders that git ignores, without caches of Python, from the root of the repository."""
        names = self._names(
            *("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--full-name", "--", ":/")
        )
        return {name for name in names if not _is_cache(name)}

    def submodules(self, commit: str) -> dict[str, str]:
        """The commits that submodules were at, by their folders."""
        entries = self._names("ls-tree", "-r", "-z", "--full-tree", commit)
        found = (entry.split("\t", 1) for entry in entries if entry.startswith("160000 "))
        return {path: head.split()[2] for head, path in found}

    def described(self, commit: str) -> str:
        """The date of a commit and the first line of its message."""
        return self._text("log", "-1", "--no-show-signature", "--format=%cs %s", commit)

    def ask(self, *arguments: str) -> None:
        """Run a command of git without hooks. Raises SettingsError: it fails, with what git says."""
        self._check(self._run("-c", "core.hooksPath=/dev/null", *arguments))

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
                f"{self._name}: git says in {self._folder}: {said}. Run it in a clone of the project, or leave "
                f"{self._name} out."
            )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return ask_git(self._folder, *arguments)
        except OSError as error:
            raise SettingsError(f"{self._name}: git can't be run: {error.strerror}.") from None


def _is_cache(name: str) -> bool:
    return name.endswith(".pyc") or not _CACHES.isdisjoint(Path(name).parts)
