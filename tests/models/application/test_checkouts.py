"""An application is looked at before it is asked; one at a commit keeps to the modules of that commit."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.versions import Checkout, VersionSettings
from harness.errors import EngineError, SettingsError
from harness.models.application.declarations import PYTHON, command_of, folder_of
from harness.models.application.identity import environment_of, files_of, move_to_checkout
from harness.models.spec import engine_spec
from tests.models.application.asking import application, chat
from tests.models.application.asking import version as asked_of
from tests.repositories import commit_all, write

pytestmark = pytest.mark.service


@pytest.fixture
def version(tmp_path: Path) -> VersionSettings:
    """One whose call lies in `backend` of a project, of which a commit is checked out beside it."""
    project, tree = tmp_path / "project", tmp_path / "tree"
    for root in (project, tree):
        write(root, "backend/bot_of_checkout.py", "def answer(prompt: str): ...\n")
    write(project, ".gitignore", "*.bin\n")
    commit_all(project)
    checkout = Checkout("0123456789abcdef", "bot", tree, tree, project)
    return VersionSettings("git:main", "python", engine_options={"call": "bot_of_checkout:answer"}, checkout=checkout)


def test_where_this_process_looks_in_the_project_it_looks_in_the_commit(
    version: VersionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "project" / "backend"), "/elsewhere", *sys.path])
    folders = environment_of(version, tmp_path / "tree")["PYTHONPATH"].split(":")
    assert folders == [str(tmp_path / "tree"), str(tmp_path / "tree" / "backend"), "/elsewhere"]
    PYTHON.check(version, tmp_path / "tree")


def test_the_project_as_it_lies_there_has_this_environment(version: VersionSettings, tmp_path: Path) -> None:
    assert environment_of(VersionSettings("bot", "python"), tmp_path) == {}


def test_a_module_of_the_project_as_it_lies_there_is_refused(
    version: VersionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "project" / "backend"))
    message = (
        f"bot_of_checkout:answer reads {tmp_path}/project/backend/bot_of_checkout.py, which is of the project as it"
    )
    with pytest.raises(SettingsError, match=re.escape(message)):
        PYTHON.check(version, tmp_path / "tree")


def test_what_the_settings_name_by_a_whole_path_is_the_commit_s(version: VersionSettings, tmp_path: Path) -> None:
    project, tree = tmp_path / "project", tmp_path / "tree"
    options = {
        "folder": str(project / "backend"),
        "files": [str(project / "backend")],
        "command": f"cat {project}/backend",
    }
    asked = replace(version, engine_options={**version.engine_options, **options})
    assert folder_of(asked, tree) == tree / "backend"
    assert command_of(asked, tree)[1:] == [f"{tree}/backend"]
    assert files_of(asked, tree / "backend") == [tree / "backend/bot_of_checkout.py"]
    new = write(project, "backend/new.py")
    for path in (new, Path("backend/new.py"), Path("/etc"), tree):
        assert move_to_checkout(version, path) == path


def test_who_looks_for_packages_reads_no_file_of_the_project_as_it_lies_there(
    version: VersionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists all folders of sys.path; after an editable install one is of the project."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "project"))
    code = (
        "import importlib.metadata, os\nlist(importlib.metadata.distributions(name='none'))\ndef answer(prompt): ...\n"
    )
    write(tmp_path / "tree", "backend/bot_of_checkout.py", code)
    look = replace(version, engine_options={**version.engine_options, "folder": "backend"})
    PYTHON.check(look, tmp_path / "tree")
    write(tmp_path / "tree", "backend/bot_of_checkout.py", f"{code}os.listdir({str(tmp_path / 'project/backend')!r})\n")
    with pytest.raises(SettingsError, match=r"bot_of_checkout:answer reads .*/project/backend, which"):
        PYTHON.check(look, tmp_path / "tree")


BOT = """
import pathlib
async def answer(prompt: str): return pathlib.Path(prompt).read_text()
"""


def test_files_of_the_project_as_it_lies_there_give_no_answer(version: VersionSettings, tmp_path: Path) -> None:
    """By a whole path, or one that a variable of the environment has, it would be weighed against itself."""
    project, tree = tmp_path / "project", tmp_path / "tree"
    for name in ("words.txt", "index.bin"):
        write(project, name, "today")
    write(tree, "words.txt", "then")
    (tree / "index.bin").symlink_to(project / "index.bin")
    write(tree, "backend/bot_of_checkout.py", BOT)
    asked = replace(version, engine_options={**version.engine_options, "folder": "backend"})
    PYTHON.check(asked, tree)

    async def answers(*paths: Path) -> list[object]:
        engine = engine_spec("python").create(asked, tree)
        try:
            await engine.start()
            return [await engine.sample(chat(str(path)), [0]) for path in paths]
        finally:
            await engine.close()

    samples = asyncio.run(answers(tree / "words.txt", Path("../words.txt"), tree / "index.bin", project / "index.bin"))
    assert [sample.text for (sample,) in samples] == ["then", "then", "today", "today"]  # type: ignore[misc]
    message = f"bot_of_checkout:answer reads {project}/words.txt, which is of the project as it lies there"
    with pytest.raises(EngineError, match=re.escape(message)):
        asyncio.run(answers(project / "words.txt"))
    write(tree, "backend/bot_of_checkout.py", f"TEXT = open({str(project / 'words.txt')!r}).read()\n{BOT}")
    with pytest.raises(SettingsError, match=re.escape(message)):
        PYTHON.check(asked, tree)


CODE = "def answer(prompt): ...\ndef sampled(messages, sampling): ..."


def test_a_call_that_takes_what_it_is_given_is_sound(tmp_path: Path) -> None:
    application(tmp_path, CODE)
    PYTHON.check(asked_of("bot:sampled", sampling={"temperature": 0.5}, system="Be brief."), tmp_path)


@pytest.mark.parametrize(
    ("code", "settings", "words"),
    [
        (CODE, {"sampling": {"temperature": 0.5}}, "'temperature': 0.5}, which bot:answer does not take"),
        (CODE, {"system": "Be brief."}, "has a system text, and bot:answer takes a prompt"),
        ("1 / 0", {}, "(?s)python .bot. could not start: bot:answer can't be imported. ZeroDivisionError.*Traceback"),
        ("import os; print('no key'); os._exit(3)", {}, "(?s)ended with exit code 3"),
        ("import threading; threading.Event().wait()", {"timeout_s": 0.3}, "was not imported within 0.3 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {}, r"was killed \(signal 9\)"),
    ],
)
def test_what_is_not_is_refused(tmp_path: Path, code: str, settings: dict[str, object], words: str) -> None:
    application(tmp_path, code)
    with pytest.raises(SettingsError, match=words):
        PYTHON.check(asked_of(**settings), tmp_path)
