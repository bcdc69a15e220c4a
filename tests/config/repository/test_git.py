"""What git tells of a project: its commits, its files, and what is not as committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.repository.git import Repository
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
    with pytest.raises(SettingsError, match=r"git:main: git says in .*: .* not a git repository"):
        Repository(tmp_path, "git:main")
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SettingsError, match=r"git:HEAD: the repository .* has no commit yet; commit first\."):
        Repository(tmp_path).commit("HEAD")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="git can't be run: No such file or directory"):
        Repository(tmp_path)
