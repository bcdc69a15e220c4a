"""An application at a commit keeps to the modules of that commit."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.versions import Checkout, VersionSettings
from harness.errors import SettingsError
from harness.models.application.checkouts import check_modules, environment_of, in_checkout
from harness.models.application.identity import files_of
from harness.models.application.look import check_call
from harness.models.application.spec import command_of, folder_of
from tests.repositories import write


@pytest.fixture
def version(tmp_path: Path) -> VersionSettings:
    """One whose call lies in `backend` of a project, of which a commit is checked out beside it."""
    project, tree = tmp_path / "project", tmp_path / "tree"
    for root in (project, tree):
        write(root, "backend/bot_of_checkout.py", "def answer(prompt: str): ...\n")
    checkout = Checkout("0123456789abcdef", "bot", tree, tree, project)
    return VersionSettings("git:main", "python", engine_options={"call": "bot_of_checkout:answer"}, checkout=checkout)


def test_where_this_process_looks_in_the_project_it_looks_in_the_commit(
    version: VersionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "project" / "backend"), "/elsewhere", *sys.path])
    folders = environment_of(version, tmp_path / "tree")["PYTHONPATH"].split(":")
    assert folders == [str(tmp_path / "tree"), str(tmp_path / "tree" / "backend"), "/elsewhere"]
    check_call(version, tmp_path / "tree", sys.executable)


def test_the_project_as_it_lies_there_has_this_environment(version: VersionSettings, tmp_path: Path) -> None:
    assert environment_of(VersionSettings("bot", "python"), tmp_path) == {}


def test_a_module_of_the_project_as_it_lies_there_is_refused(
    version: VersionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "project" / "backend"))
    message = (
        f"bot_of_checkout:answer imports {tmp_path}/project/backend/bot_of_checkout.py, which is of the project as it "
        "lies there and not of commit 0123456789ab: the environment leads to it. Name the folder that such modules"
    )
    with pytest.raises(SettingsError, match=re.escape(message)):
        check_call(version, tmp_path / "tree", sys.executable)


def test_modules_of_the_commit_and_of_what_is_installed_are_not(version: VersionSettings, tmp_path: Path) -> None:
    tree = tmp_path / "tree" / "backend" / "bot_of_checkout.py"
    check_modules(version, [str(tree), pytest.__file__, str(tmp_path / "project/.venv/lib/site-packages/a.py")])


def test_what_the_settings_name_by_a_whole_path_is_the_commit_s(version: VersionSettings, tmp_path: Path) -> None:
    project, tree = tmp_path / "project", tmp_path / "tree"
    options = {
        "folder": str(project / "backend"),
        "files": str(project / "backend"),
        "command": f"cat {project}/backend",
    }
    asked = replace(version, engine_options={**version.engine_options, **options})
    assert folder_of(asked, tree) == tree / "backend"
    assert command_of(asked, tree)[1:] == [f"{tree}/backend"]
    assert files_of(asked, tree).files == (tree / "backend/bot_of_checkout.py",)
    new = write(project, "backend/new.py")
    for path in (new, Path("backend/new.py"), Path("/etc"), tree):
        assert in_checkout(version, path) == path
