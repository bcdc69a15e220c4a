"""A version is the content of its package and of what lies beside it: equal code is equal, changed code never is."""

from __future__ import annotations

import shutil
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from harness.config import VersionSettings
from harness.config.repository import Repository
from harness.errors import SettingsError
from harness.models.application.identity import content_of, contents_of
from tests.models.application.asking import application, version
from tests.repositories import commit_all, write

pytestmark = pytest.mark.service

COUNTED = ["handbook.jsonl", "prompts/a.md", "requirements.txt", "shop/bot.py", "shop/docs/finding.py"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An application with files beside its package, and what describes and tests it."""
    folder = tmp_path / "project"
    application(folder, "def answer(prompt): return prompt", "shop/bot.py")
    for name in (
        *COUNTED[:3],
        "shop/docs/finding.py",
        "README.md",
        "steelyard.waivers.toml",
        "junit-gate.xml",
        "gate.junit.xml",
        "coverage.xml",
        "suites/test_bot.py",
        "evals/cases.jsonl",
    ):
        write(folder, name, "x = 1")
    for name in ("docs/guide.md", "reports/a.json", "test_it.py", "pyproject.toml", ".env", "shop/__pycache__/a.pyc"):
        write(folder, name, "")
    return folder


def contents(folder: Path, **options: object) -> list[str]:
    return list(contents_of(version("shop.bot:answer", **options), folder))


def content(folder: Path, **options: object) -> str:
    return content_of(version("shop.bot:answer", **options), folder)


@pytest.mark.parametrize("has_git", [False, True])
def test_the_package_counts_with_what_lies_beside_it_and_not_what_describes_or_tests_the_project(
    project: Path, has_git: bool
) -> None:
    if has_git:
        commit_all(project)
        write(project, ".git/info/exclude", "venv/\n")
    for name in ("venv/pyvenv.cfg", "venv/lib/a.py", "bot.log"):
        write(project, name, "")
    assert contents(project) == COUNTED
    before = content(project)
    write(project, "README.md", "changed")
    assert content(project) == before
    for name in COUNTED:
        write(project, name, "changed")
        assert content(project) != before
        before = content(project)


def test_equal_code_in_another_folder_is_equal(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(project, copy)
    commit_all(copy)
    assert content(copy) == content(project)


def test_what_git_ignores_counts_where_files_names_it(project: Path) -> None:
    write(project, ".gitignore", "index/\n*.log\n")
    write(project, "index/a.bin", "1")
    write(project, "calls.log", "")
    commit_all(project)
    command = VersionSettings("bot", "command", engine_options={"command": "node bot.js"})
    assert list(contents_of(command, project)) == contents(project) == COUNTED
    assert contents(project, files=["index"]) == [*COUNTED[:1], "index/a.bin", *COUNTED[1:]]
    with pytest.raises(SettingsError, match=r"files: '.*indx' is not there"):
        content(project, files=["indx"])


def test_a_package_that_git_ignores_counts(project: Path) -> None:
    write(project, ".gitignore", "shop/\n")
    commit_all(project)
    assert "shop/bot.py" in contents(project)
    write(project, ".gitignore", "*\n")
    shutil.rmtree(project / ".git")
    commit_all(project)
    assert contents(project) == COUNTED


@pytest.mark.parametrize("lies", ["backend/src", "../elsewhere"])
def test_a_package_that_lies_elsewhere_counts_and_of_the_project_what_lies_beside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, lies: str
) -> None:
    """As after an editable install."""
    place = project / lies
    write(place, "far_of_identity/bot.py", "")
    write(place, "rules.txt", "")
    commit_all(project)
    monkeypatch.syspath_prepend(str(place))
    (project / "eval").mkdir()
    found = list(contents_of(version("far_of_identity.bot:answer"), project / "eval"))
    assert [Path(name).name for name in found if not name.endswith("requirements.txt")] == (
        ["bot.py", "rules.txt"] if "src" in lies else ["bot.py"]
    )
    assert "/requirements.txt" in found


def test_the_release_of_a_package_that_is_installed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = version("yaml:safe_load")
    before = content_of(settings, tmp_path)
    assert list(contents_of(settings, tmp_path)) == ["package PyYAML"]
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{installed(name)}.post1")
    assert content_of(settings, tmp_path) != before


@pytest.mark.parametrize("ignored", ["index.bin", "index/part.txt"])
def test_a_worktree_whose_ignored_files_are_links_is_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(project.parent / "cache"))
    write(project, ".gitignore", "*.bin\nindex/\n")
    write(project, ignored, "data")
    commit = commit_all(project)
    tree = Repository(project).check_out(commit)
    assert content(tree) == content(project)
    names = [ignored.partition("/")[0]]
    assert content(tree, files=names) == content(project, files=names) != content(project)
