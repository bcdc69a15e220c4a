"""A version is the content that its call reaches: equal code is equal, changed code never is."""

from __future__ import annotations

import shutil
import sys
import venv
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from harness.config import VersionSettings
from harness.config.repository.git import Repository
from harness.config.repository.worktrees import check_out
from harness.errors import SettingsError
from harness.models.application.identity import content_of, files_of
from tests.models.application.asking import application, version
from tests.repositories import commit_all, write

pytestmark = pytest.mark.service

CODE = """
import yaml
from shop.finding import find
RULES = "handbook.jsonl"
def answer(prompt): return find(prompt)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An application of two modules and a file, beside what it does not reach."""
    folder = tmp_path / "project"
    application(folder, CODE, "shop/bot.py")
    write(folder, "shop/finding.py", "def find(prompt): return prompt")
    write(folder, "shop/other.py", "x = 1")
    write(folder, "handbook.jsonl", "{}")
    write(folder, "test_bot.py", "")
    return folder


def content(folder: Path, **options: object) -> str:
    return content_of(version("shop.bot:answer", **options), folder)


def test_what_is_reached_counts_and_nothing_else(project: Path) -> None:
    before = content(project)
    for name in ("shop/other.py", "test_bot.py"):
        write(project, name, "x = 2")
    assert content(project) == before
    seen = {before}
    for name in ("shop/bot.py", "shop/finding.py", "handbook.jsonl", "shop/__init__.py"):
        path = project / name
        write(project, name, (path.read_text() if path.exists() else "") + "\n# changed")
        seen.add(content(project))
    assert len(seen) == 5


def test_equal_code_in_another_folder_is_equal(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(project, copy)
    assert content(copy) == content(project)
    commit_all(copy)
    shutil.copytree(project, copy / "before")
    assert content(copy) == content(copy / "before") == content(project)


def test_where_it_can_not_be_told_the_project_counts(project: Path) -> None:
    write(project, "shop/finding.py", "def find(path): return open(path).read()")
    commit_all(project)
    settings = version("shop.bot:answer")
    assert files_of(settings, project).are_all
    before = content_of(settings, project)
    write(project, "reports/latest/report.json", "{}")
    write(project, "shop/__pycache__/bot.pyc", "")
    write(project, ".env", "KEY=1")
    assert content_of(settings, project) == before
    write(project, "test_bot.py", "x = 2")
    assert content_of(settings, project) != before


def test_files_name_what_counts(project: Path) -> None:
    before = content(project, files=["shop/bot.py", "shop"])
    write(project, "handbook.jsonl", "{}\n{}")
    assert content(project, files=["shop/bot.py", "shop"]) == before
    write(project, "shop/other.py", "x = 3")
    assert content(project, files=["shop/bot.py", "shop"]) != before
    with pytest.raises(SettingsError, match=r"files: '.*handbok.jsonl' is not there"):
        content(project, files="handbok.jsonl")


@pytest.mark.parametrize("files", [["index"], ["shop", "index/a.bin"]])
def test_an_index_that_git_ignores_counts_where_it_is_named(project: Path, files: list[str]) -> None:
    write(project, ".gitignore", "index/\n")
    write(project, "index/a.bin", "1")
    commit_all(project)
    command = {"command": "node bot.js"}
    versions = [
        VersionSettings("bot", "command", engine_options=each) for each in (command, {**command, "files": files})
    ]
    before = [content_of(each, project) for each in versions]
    write(project, "index/a.bin", "2")
    unseen, seen = (content_of(each, project) for each in versions)
    assert (unseen == before[0], seen == before[1]) == (True, False)


def test_releases_of_imported_packages_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(project)
    assert set(files_of(version("shop.bot:answer"), project).packages) == {"yaml"}
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{installed(name)}.post1")
    assert content(project) != before


def test_a_program_is_all_of_its_project(project: Path) -> None:
    settings = VersionSettings("bot", "command", engine_options={"command": "node bot.js"})
    before = content_of(settings, project)
    write(project, "bot.js", "")
    assert content_of(settings, project) != before


@pytest.mark.parametrize("untold", [False, True])
@pytest.mark.parametrize("ignored", ["index.bin", "index/part.txt"])
def test_a_worktree_whose_ignored_files_are_links_is_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch, ignored: str, untold: bool
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(project.parent / "cache"))
    write(project, ".gitignore", "*.bin\nindex/\n")
    name = ignored.partition("/")[0]
    write(project, "shop/bot.py", CODE.replace("handbook.jsonl", name) + ("\nopen(RULES + RULES)" if untold else ""))
    write(project, ignored, "data")
    commit = commit_all(project)
    tree = check_out(Repository(project), commit, "git:HEAD")
    assert files_of(version("shop.bot:answer"), tree).are_all is untold
    assert content(tree) == content(project)
    assert content(tree, files=["shop", name]) == content(project, files=["shop", name])


def test_a_module_of_the_project_to_which_the_environment_leads_makes_all_count(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "backend/lib_of_identity.py")
    guarded = "\ntry: import lib_of_identity\nexcept ImportError: pass"
    write(project, "shop/bot.py", CODE + guarded)
    assert not files_of(version("shop.bot:answer"), project).are_all
    monkeypatch.syspath_prepend(str(project / "backend"))
    assert files_of(version("shop.bot:answer"), project).are_all


def test_a_module_that_can_not_be_found_may_be_of_the_project(project: Path) -> None:
    write(project, "shop/bot.py", CODE + "\nimport lib_of_nowhere")
    assert files_of(version("shop.bot:answer"), project).are_all


def test_hidden_files_that_are_named_count_where_all_do(project: Path) -> None:
    write(project, ".prompts/a.txt", "one")
    write(project, "shop/bot.py", "import glob\nTEXTS = [open(name).read() for name in glob.glob('.prompts/*.txt')]")
    before = content(project)
    assert files_of(version("shop.bot:answer"), project).are_all
    write(project, ".prompts/a.txt", "two")
    assert content(project) != before


@pytest.mark.parametrize("name", ["__init__.py", "other.py"])
def test_code_without_a_release_counts_by_its_files(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    library = project.parent / "library"
    write(library, f"lib_beside/{name}", "")
    write(library, "lib_beside/part.py", "import lib_below")
    write(library, "lib_below.py", "import json, lib_beside")
    write(project, "shop/bot.py", CODE + "\nimport lib_beside")
    monkeypatch.syspath_prepend(str(library))
    before = content(project)
    assert not files_of(version("shop.bot:answer"), project).are_all
    for part in ("lib_beside/part.py", "lib_below.py"):
        write(library, part, (library / part).read_text() + "\nx = 2")
        assert content(project) != before
        before = content(project)


def test_releases_are_those_of_the_interpreter_that_runs_it(project: Path) -> None:
    python = project.parent / "venv" / "bin" / "python"
    venv.create(python.parents[1], symlinks=True)
    place = python.parents[1] / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    write(place, "lib_of_venv.py", "x = 1")
    write(place, "lib_of_venv-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lib_of_venv\nVersion: 1.0\n")
    write(project, "shop/bot.py", "import lib_of_venv")
    settings = version("shop.bot:answer", python=str(python))
    found = files_of(settings, project, str(python))
    assert (found.packages, found.are_all) == ({"lib_of_venv": ("lib_of_venv 1.0",)}, False)
    before = content_of(settings, project, str(python))
    write(place, "lib_of_venv-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lib_of_venv\nVersion: 2.0\n")
    assert content_of(settings, project, str(python)) != before
