"""What git tells of a project: its commits and files, what is not as committed, and worktrees in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.config.artifacts import KEPT_S
from harness.config.repository import Repository
from harness.errors import SettingsError
from tests.repositories import commit_all, git, write

pytestmark = pytest.mark.service


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with three files, one of them in a folder, and ignored ones."""
    write(tmp_path, ".gitignore", "ignored/\n*.bin\n")
    for name in ("a.txt", "b.txt", "inner/c ü.txt", "ignored/d.txt"):
        write(tmp_path, name, name)
    commit_all(tmp_path)
    return tmp_path.resolve()


def test_the_files_below_a_folder_are_tracked_or_not_ignored(folder: Path) -> None:
    write(folder, "inner/new.txt")
    write(folder, "inner/weights.bin")
    names = [path.relative_to(folder).as_posix() for path in Repository(folder).files()]
    assert names == [".gitignore", "a.txt", "b.txt", "inner/c ü.txt", "inner/new.txt"]
    assert Repository(folder / "inner").files() == [folder / "inner" / "c ü.txt", folder / "inner" / "new.txt"]


def test_what_is_staged_changed_removed_or_new_is_not_as_committed(folder: Path) -> None:
    repository = Repository(folder / "inner")
    assert repository.uncommitted() == []
    write(folder, "a.txt", "staged")
    git(folder, "add", "a.txt")
    (folder / "b.txt").unlink()
    write(folder, "inner/c ü.txt", "neither")
    for name in ("inner/new.txt", "inner/weights.bin", "inner/__pycache__/c.pyc"):
        write(folder, name)
    assert repository.uncommitted() == ["a.txt", "b.txt", "inner/c ü.txt", "inner/new.txt"]


@pytest.mark.parametrize("ref", ["main", "HEAD", "v1", "HEAD~1"])
def test_a_ref_is_a_branch_a_tag_or_a_commit(folder: Path, ref: str) -> None:
    git(folder, "tag", "-a", "v1", "-m", "one")
    commit_all(folder)
    assert len(Repository(folder).commit(ref)) == 40


@pytest.mark.parametrize("ref", ["origin/main", "--help", "", "HEAD:a.txt", "-1"])
def test_a_ref_that_is_none_is_refused_with_how_to_fetch_it_from_where_there_is_a_remote(
    folder: Path, ref: str
) -> None:
    with pytest.raises(SettingsError, match=r"is known here\. Name a branch, tag or commit"):
        Repository(folder).commit(ref)
    git(folder, "remote", "add", "upstream", "elsewhere")
    told = r"is known here\. Fetch it first \(git fetch upstream\), or name a branch, tag or commit"
    with pytest.raises(SettingsError, match=told):
        Repository(folder).commit(ref)


def test_a_shallow_clone_is_said_to_be_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    commit_all(folder)
    clone = tmp_path_factory.mktemp("shallow")
    git(clone, "clone", "--quiet", "--depth", "1", folder.as_uri(), ".")
    with pytest.raises(SettingsError, match=r"HEAD~1: no .* a shallow clone\. In CI .* fetch-depth: 0"):
        Repository(clone).commit("HEAD~1")


def test_without_a_commit_a_repository_or_git_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        SettingsError, match=r"git:main: git says in .*: .* not a git repository.* git init and commit first"
    ):
        Repository(tmp_path, "git:main")
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SettingsError, match=r"git:HEAD: the repository .* has no commit yet; commit first\."):
        Repository(tmp_path).commit("HEAD")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="git can't be run: No such file or directory"):
        Repository(tmp_path)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
    repository = Repository(folder, f"git:{ref}")
    return repository.check_out(repository.commit(ref))


def test_it_has_the_files_of_the_commit_and_links_to_what_git_ignores(shop: Path) -> None:
    tree = checked_out(shop)
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert not (tree / "bot" / "added.txt").exists()
    assert (tree / "weights.bin").resolve() == shop / "weights.bin"
    assert (tree / "index" / "part").read_text() == "ignored"
    assert not (tree / "bot" / "__pycache__").exists()
    assert git(tree, "rev-parse", "HEAD") == git(shop, "rev-parse", "HEAD~1")
    assert git(shop, "status", "--porcelain") == ""


def test_what_is_ignored_no_more_is_not_there(shop: Path) -> None:
    assert (checked_out(shop) / "index").is_symlink()
    write(shop, ".gitignore", (shop / ".gitignore").read_text().replace("index", "others"))
    tree = checked_out(shop)
    assert not (tree / "index").exists()
    assert (shop / "index" / "part").exists()
    assert (tree / "weights.bin").exists()


def test_it_is_made_once_and_set_back_where_somebody_changed_it(shop: Path) -> None:
    tree = checked_out(shop)
    write(tree, "kept by the application")
    write(tree, "bot/answers.txt", "changed")
    write(shop, "later.bin")
    assert checked_out(shop) == tree
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert (tree / "kept by the application").exists()
    assert (tree / "later.bin").exists()


@pytest.mark.parametrize("harm", ["removed", "half made", "forgotten by git"])
def test_it_is_made_anew_where_it_is_none(shop: Path, harm: str) -> None:
    tree = checked_out(shop)
    if harm == "removed":
        shutil.rmtree(tree)
    elif harm == "half made":
        tree.with_name(f"{tree.name}.note").unlink()
        git(shop, "worktree", "lock", str(tree))
        (tree / "bot" / "answers.txt").unlink()
    else:
        shutil.rmtree(shop / ".git" / "worktrees")
    assert (checked_out(shop) / "bot" / "answers.txt").read_text() == "old"


def test_several_processes_make_it_once(shop: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.config.repository import Repository\n"
        "repository = Repository(Path(sys.argv[1]))\n"
        "tree = repository.check_out(repository.commit('HEAD~1'))\n"
        "print((tree / 'bot' / 'answers.txt').read_text())\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(shop)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate()[0] for process in started] == ["old\n"] * 3


def test_a_commit_whose_worktree_nobody_used_for_long_is_removed_when_another_is_made(shop: Path) -> None:
    old, other = checked_out(shop), checked_out(shop, "HEAD")
    assert old.exists()
    long_ago = time.time() - KEPT_S["worktrees"] - 60
    for tree in (old, other):
        os.utime(tree.with_name(f"{tree.name}.note"), (long_ago, long_ago))
    checked_out(shop, "HEAD")
    assert (old.exists(), other.exists()) == (False, True)
    assert (shop / "index" / "part").exists()  # what its links led to
    assert (checked_out(shop) / "bot" / "answers.txt").read_text() == "old"


def test_hooks_do_not_run_and_those_of_git_do_not_mislead(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = write(shop, ".git/hooks/post-checkout", f"#!/bin/sh\ntouch {shop / 'ran'}\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(shop / ".git"))  # as within a hook
    monkeypatch.setenv("GIT_INDEX_FILE", str(shop / ".git" / "index"))
    tree = checked_out(shop)
    assert (tree / "bot" / "answers.txt").read_text() == "old"
    assert not (shop / "ran").exists()
    assert git(shop, "status", "--porcelain") == ""


def submodule(shop: Path) -> Path:
    """The project with a submodule at `lib`, which has moved on since the first commit that has it."""
    source = shop.parent / "lib"
    write(source, "code.txt", "old")
    commit_all(source)
    git(shop, "submodule", "--quiet", "add", str(source), "lib")
    commit_all(shop)
    write(shop / "lib", "code.txt", "new")
    git(shop / "lib", "commit", "--quiet", "--all", "--message", "new")
    commit_all(shop)
    return shop / "lib"


def test_a_submodule_is_at_the_commit_that_it_had(shop: Path) -> None:
    lib = submodule(shop)
    tree = checked_out(shop)
    assert (tree / "lib" / "code.txt").read_text() == "old"
    assert (lib / "code.txt").read_text() == "new"


def test_a_submodule_whose_commit_is_not_here_is_told_with_the_command_that_fetches_it(shop: Path) -> None:
    submodule(shop)
    at = git(shop, "rev-parse", "HEAD~1:lib")
    shutil.rmtree(shop / "lib")
    write(shop, "lib/code.txt", "cloned anew, and not deep")
    commit_all(shop / "lib")
    with pytest.raises(SettingsError) as caught:
        checked_out(shop)
    assert str(caught.value) == (
        f"git:HEAD~1: the submodule lib was at commit {at[:12]} there, which is not here. Fetch it: "
        f"git -C lib fetch origin {at}"
    )


def test_a_submodule_that_is_not_there_now_stays_empty(shop: Path) -> None:
    submodule(shop)
    git(shop, "submodule", "--quiet", "deinit", "--force", "lib")
    assert list((checked_out(shop) / "lib").iterdir()) == []


def test_a_cache_that_can_t_be_written_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(write(shop.parent, "file")))
    with pytest.raises(SettingsError, match=r"git:HEAD~1: no worktree can be made in .*: Not a directory\."):
        checked_out(shop)


def test_a_series_leads_along_first_parents_from_a_good_commit_to_a_bad_one(folder: Path) -> None:
    git(folder, "tag", "good")
    git(folder, "checkout", "-q", "-b", "aside")
    commit_all(folder, "aside")
    git(folder, "checkout", "-q", "main")
    second = commit_all(folder, "second")
    git(folder, "merge", "-q", "--no-ff", "-m", "merged", "aside")
    series = Repository(folder).series("good", "main")
    assert [commit for commit, _ in series] == [
        git(folder, "rev-parse", "good"),
        second,
        git(folder, "rev-parse", "HEAD"),
    ]
    assert [text.partition(" ")[2] for _, text in series] == ["as it is", "second", "merged"]
    with pytest.raises(SettingsError, match="main is no ancestor of good; name a good commit before the bad one"):
        Repository(folder).series("main", "good")
