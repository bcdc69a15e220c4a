"""What git tells of changes: committed, staged, neither, untracked, removed, in submodules, and what it can't tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.repository.git import ChangedFiles, Repository
from harness.errors import SettingsError
from tests.repositories import commit_all, git, write

pytestmark = pytest.mark.service


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with three files, one of them in a folder, and an ignored one."""
    write(tmp_path, ".gitignore", "ignored/\n*.bin\n__pycache__/\n")
    for name in ("a.txt", "b.txt", "inner/c ü.txt", "ignored/d.txt", "inner/__pycache__/c.pyc"):
        write(tmp_path, name, name)
    commit_all(tmp_path)
    return tmp_path.resolve()


def changed(folder: Path, ref: str = "HEAD") -> ChangedFiles:
    repository = Repository(folder)
    return repository.changed_since(repository.commit(ref))


def names(found: ChangedFiles) -> set[str]:
    return {path.relative_to(found.root).as_posix() for path in found.paths}


def test_nothing_changed_is_nothing(folder: Path) -> None:
    assert names(changed(folder)) == set()


def test_changes_count_whether_committed_staged_or_neither_and_new_files_too(folder: Path) -> None:
    before = git(folder, "rev-parse", "HEAD")
    write(folder, "a.txt", "committed")
    commit_all(folder)
    write(folder, "b.txt", "staged")
    git(folder, "add", "b.txt")
    write(folder, "inner/c ü.txt", "neither")
    write(folder, "inner/new.txt", "untracked")
    assert names(changed(folder, before)) == {"a.txt", "b.txt", "inner/c ü.txt", "inner/new.txt"}
    assert names(changed(folder)) == {"b.txt", "inner/c ü.txt", "inner/new.txt"}


def test_a_file_that_is_as_it_was_again_has_not_changed(folder: Path) -> None:
    before = git(folder, "rev-parse", "HEAD")
    write(folder, "a.txt", "other")
    commit_all(folder)
    write(folder, "a.txt", "a.txt")
    assert names(changed(folder, before)) == set()


def test_of_a_renamed_file_both_names_have_changed_and_a_removed_one_has(folder: Path) -> None:
    git(folder, "mv", "a.txt", "moved.txt")
    (folder / "b.txt").unlink()
    assert names(changed(folder)) == {"a.txt", "moved.txt", "b.txt"}


def test_it_is_the_whole_repository_that_is_looked_at_from_any_of_its_folders(folder: Path) -> None:
    write(folder, "a.txt", "other")
    write(folder, "new.txt")
    git(folder, "config", "diff.relative", "true")
    assert names(changed(folder / "inner")) == {"a.txt", "new.txt"}


def test_files_that_git_is_told_not_to_look_at_count_as_changed(folder: Path) -> None:
    git(folder, "update-index", "--assume-unchanged", "a.txt")
    git(folder, "update-index", "--skip-worktree", "b.txt")
    assert names(changed(folder)) == {"a.txt", "b.txt"}


def test_a_repository_within_is_one_path_that_stands_for_all_in_it(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "ignored" / "other"
    write(other, "data.txt")
    commit_all(other)
    git(folder, "submodule", "--quiet", "add", str(other), "sub")
    commit_all(folder)
    assert names(changed(folder)) == set()
    write(folder, "sub/data.txt", "dirty")
    found = changed(folder)
    assert names(found) == {"sub"}
    assert found.within(folder / "sub" / "data.txt") == folder / "sub"


def test_a_folder_has_changed_if_anything_in_it_has(folder: Path) -> None:
    write(folder, "inner/new.txt")
    found = changed(folder)
    assert found.within(folder / "inner") == folder / "inner" / "new.txt"
    assert found.within(folder) == folder / "inner" / "new.txt"
    assert found.within(folder / "a.txt") is None
    assert found.within(folder / "inn") is None


def test_a_link_has_changed_if_what_it_leads_to_has(folder: Path) -> None:
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "linked").symlink_to("inner")
    commit_all(folder)
    write(folder, "a.txt", "other")
    write(folder, "inner/c ü.txt", "other")
    found = changed(folder)
    assert found.within(folder / "link.txt") == folder / "a.txt"
    assert found.within(folder / "linked" / "c ü.txt") == folder / "inner" / "c ü.txt"


def test_of_what_is_ignored_or_elsewhere_it_can_not_tell(folder: Path) -> None:
    write(folder, "inner/weights.bin")
    found = changed(folder)
    assert found.find_unknown(folder / "a.txt") is None
    assert found.find_unknown(folder / "ignored" / "d.txt") == folder / "ignored" / "d.txt"
    assert found.find_unknown(folder / "ignored") == folder / "ignored"
    assert found.find_unknown(folder / "inner" / "weights.bin") == folder / "inner" / "weights.bin"
    assert found.find_unknown(folder / "inner") == folder / "inner", "a part of it is ignored"
    assert found.find_unknown(folder.parent) == folder.parent


def test_a_name_to_which_a_library_appends_a_suffix_is_that_file_unless_something_has_the_name(folder: Path) -> None:
    for name in ("kv.bin", "inner/kv.txt", "ignored/kv.db", "inner.bin", "inner.txt"):
        write(folder, name)
    found = changed(folder)
    assert {"kv", "inner"} <= found.names
    assert found.find_unknown(folder / "kv") == folder / "kv.bin"
    assert found.find_unknown(folder / "ignored" / "kv") == folder / "ignored" / "kv.db"
    assert found.find_unknown(folder / "ignored" / "k") is None
    assert found.within(folder / "inner" / "kv") == folder / "inner" / "kv.txt"
    (folder / "inner" / "kv.txt").unlink()
    found = changed(folder)
    assert found.within(folder / "inner") is None, "a folder is there"
    assert found.find_unknown(folder / "inner") is None


def test_caches_of_python_hide_nothing(folder: Path) -> None:
    assert changed(folder).find_unknown(folder / "inner") is None


def test_what_a_file_held_at_a_commit(folder: Path) -> None:
    repository, before = Repository(folder), git(folder, "rev-parse", "HEAD")
    write(folder, "inner/c ü.txt", "other")
    commit_all(folder)
    assert repository.file_at(before, folder / "inner" / "c ü.txt") == "inner/c ü.txt".encode()
    assert repository.file_at(before, folder / "none.txt") is None
    assert repository.file_at(before, folder.parent / "elsewhere.txt") is None


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


def test_a_repository_without_a_commit_is_said_to_have_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SettingsError, match=r"HEAD: the repository .* has no commit yet; commit first\."):
        Repository(tmp_path).commit("HEAD")


def test_without_a_repository_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--changed-since asks git what changed, .* not a git repository"):
        Repository(tmp_path)


def test_without_git_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="git can't be run: No such file or directory"):
        Repository(tmp_path)
