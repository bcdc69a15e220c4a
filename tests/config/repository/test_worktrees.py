"""Worktrees in the cache: as the commit was, made once, mended, with what git ignores, and removed when stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.config.artifacts import KEPT_S
from harness.config.repository.git import Repository
from harness.config.repository.worktrees import check_out
from harness.errors import SettingsError
from tests.repositories import commit_all, git, write

pytestmark = pytest.mark.service


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits of a file, and an ignored file and folder."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "shop"
    write(root, ".gitignore", "*.bin\nindex/\n__pycache__/\n")
    write(root, "bot/answers.txt", "old")
    commit_all(root)
    write(root, "bot/answers.txt", "new")
    write(root, "bot/added.txt")
    commit_all(root)
    for name in ("weights.bin", "index/part", "bot/__pycache__/a.pyc"):
        write(root, name, "ignored")
    return root


def checked_out(folder: Path, ref: str = "HEAD~1") -> Path:
    repository = Repository(folder)
    return check_out(repository, repository.commit(ref), f"git:{ref}")


def test_it_has_the_files_of_the_commit_and_links_to_what_git_ignores(folder: Path) -> None:
    tree = checked_out(folder)
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert not (tree / "bot" / "added.txt").exists()
    assert (tree / "weights.bin").resolve() == folder / "weights.bin"
    assert (tree / "index" / "part").read_text() == "ignored"
    assert not (tree / "bot" / "__pycache__").exists()
    assert git(tree, "rev-parse", "HEAD") == git(folder, "rev-parse", "HEAD~1")
    assert git(folder, "status", "--porcelain") == ""


def test_what_is_ignored_no_more_is_not_there(folder: Path) -> None:
    assert (checked_out(folder) / "index").is_symlink()
    write(folder, ".gitignore", (folder / ".gitignore").read_text().replace("index", "others"))
    tree = checked_out(folder)
    assert not (tree / "index").exists()
    assert (folder / "index" / "part").exists()
    assert (tree / "weights.bin").exists()


def test_it_is_made_once_and_set_back_where_somebody_changed_it(folder: Path) -> None:
    tree = checked_out(folder)
    write(tree, "kept by the application")
    write(tree, "bot/answers.txt", "changed")
    write(folder, "later.bin")
    assert checked_out(folder) == tree
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert (tree / "kept by the application").exists()
    assert (tree / "later.bin").exists()


@pytest.mark.parametrize("harm", ["removed", "half made", "forgotten by git"])
def test_it_is_made_anew_where_it_is_none(folder: Path, harm: str) -> None:
    tree = checked_out(folder)
    if harm == "removed":
        shutil.rmtree(tree)
    elif harm == "half made":
        tree.with_name(f"{tree.name}.note").unlink()
        git(folder, "worktree", "lock", str(tree))
        (tree / "bot" / "answers.txt").unlink()
    else:
        shutil.rmtree(folder / ".git" / "worktrees")
    assert (checked_out(folder) / "bot" / "answers.txt").read_text() == "old"


def test_several_processes_make_it_once(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.config.repository.git import Repository\n"
        "from harness.config.repository.worktrees import check_out; repository = Repository(Path(sys.argv[1]))\n"
        "tree = check_out(repository, repository.commit('HEAD~1'), 'git:HEAD~1')\n"
        "print((tree / 'bot' / 'answers.txt').read_text())\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate()[0] for process in started] == ["old\n"] * 3


def test_a_commit_whose_worktree_nobody_used_for_long_is_removed_when_another_is_made(folder: Path) -> None:
    old, other = checked_out(folder), checked_out(folder, "HEAD")
    assert old.exists()
    long_ago = time.time() - KEPT_S["worktrees"] - 60
    for tree in (old, other):
        os.utime(tree.with_name(f"{tree.name}.note"), (long_ago, long_ago))
    checked_out(folder, "HEAD")
    assert (old.exists(), other.exists()) == (False, True)
    assert (folder / "index" / "part").exists()  # what its links led to
    assert (checked_out(folder) / "bot" / "answers.txt").read_text() == "old"


def test_hooks_do_not_run_and_those_of_git_do_not_mislead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = write(folder, ".git/hooks/post-checkout", f"#!/bin/sh\ntouch {folder / 'ran'}\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(folder / ".git"))  # as within a hook
    monkeypatch.setenv("GIT_INDEX_FILE", str(folder / ".git" / "index"))
    tree = checked_out(folder)
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert not (folder / "ran").exists()
    assert git(folder, "status", "--porcelain") == ""


def submodule(folder: Path) -> Path:
    """The project with a submodule at `lib`, which has moved on since the first commit that has it."""
    source = folder.parent / "lib"
    write(source, "code.txt", "old")
    commit_all(source)
    git(folder, "submodule", "--quiet", "add", str(source), "lib")
    commit_all(folder)
    write(folder / "lib", "code.txt", "new")
    git(folder / "lib", "commit", "--quiet", "--all", "--message", "new")
    commit_all(folder)
    return folder / "lib"


def test_a_submodule_is_at_the_commit_that_it_had(folder: Path) -> None:
    lib = submodule(folder)
    tree = checked_out(folder)
    assert (tree / "lib" / "code.txt").read_text() == "old"
    assert (lib / "code.txt").read_text() == "new"


def test_a_submodule_whose_commit_is_not_here_is_told_with_the_command_that_fetches_it(folder: Path) -> None:
    submodule(folder)
    at = git(folder, "rev-parse", "HEAD~1:lib")
    shutil.rmtree(folder / "lib")
    write(folder, "lib/code.txt", "cloned anew, and not deep")
    commit_all(folder / "lib")
    with pytest.raises(SettingsError) as caught:
        checked_out(folder)
    assert str(caught.value) == (
        f"git:HEAD~1: the submodule lib was at commit {at[:12]} there, which is not here. Fetch it: "
        f"git -C lib fetch origin {at}"
    )


def test_a_submodule_that_is_not_there_now_stays_empty(folder: Path) -> None:
    submodule(folder)
    git(folder, "submodule", "--quiet", "deinit", "--force", "lib")
    assert list((checked_out(folder) / "lib").iterdir()) == []


def test_a_cache_that_can_t_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(write(folder.parent, "file")))
    with pytest.raises(SettingsError, match=r"git:HEAD~1: no worktree can be made in .*: Not a directory\."):
        checked_out(folder)
