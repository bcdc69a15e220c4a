"""What is told of a run's versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import VersionSettings
from harness.config.repository.commits import with_commits
from harness.config.settings import load_settings
from harness.gate.runs.versions import Generations, version_notes
from harness.models.version import Version
from harness.store import RunInfo, Store
from tests.repositories import commit_all, write


def served(name: str, revision: str | None = None) -> Version:
    options = {"base_url": "http://127.0.0.1:8000/v1", "model": "m"}
    own = VersionSettings(name, "openai", revision=revision, engine_options=options)
    return Version(name, own, name)


def test_an_endpoint_whose_answers_nothing_tells_apart_is_told_of_once() -> None:
    first, second = served("first"), served("second")
    scripted = Version("table", VersionSettings("table", "scripted", engine_options={"default": "a"}), "t")
    assert version_notes(first, scripted, first, root=Path()) == (
        "first is an endpoint without revision: stored answers count for ever, also when something else is "
        "served there. Set one",
    )
    assert version_notes(first, second, root=Path())[0].startswith("first and second are endpoints without")


def test_an_endpoint_with_a_revision_is_not_told_of() -> None:
    assert version_notes(served("first", revision="1"), root=Path()) == ()


def test_a_revision_that_is_the_commit_of_other_files_is_told_of(tmp_path: Path) -> None:
    write(tmp_path, "prompt.txt", "Be brief.")
    commit = commit_all(tmp_path)
    of_commit, others = served("bot", f"app-{commit}"), (served("a", "1"), served("b", "0" * 40))
    assert version_notes(of_commit, *others, root=tmp_path) == ()
    write(tmp_path, "prompt.txt", "Be long.")
    assert version_notes(of_commit, *others, of_commit, root=tmp_path) == (
        f"prompt.txt is not as committed, and the revision of bot is the commit {commit[:12]}: its answers are stored "
        "as those of that commit. Commit before you draw them",
    )
    assert version_notes(of_commit, root=tmp_path.parent) == ()
    write(tmp_path, "bot.py", "def answer(prompt): return 'a'\n")
    function = VersionSettings("f", "python", revision=commit, engine_options={"call": "bot:answer"})
    assert version_notes(Version("f", function, "f"), root=tmp_path) == ()


APPLICATION = """
[models.bot]
engine = "python"
call = "bot:answer"
revision = "${GIT_SHA}"
[models.table]
engine = "scripted"
answers = "answers.json"
"""


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "bot",
            "bot.py, old.txt are not as committed: bot is weighed with them as they lie there, git:HEAD as it was at "
            "the commit. Cases and tests are today's for both",
        ),
        (
            "table",
            "answers.json is not as committed: table is weighed with it as it lies there, git:HEAD as it was at the "
            "commit. Cases and tests are today's for both",
        ),
    ],
)
def test_what_is_not_committed_is_told_of_files_that_a_version_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GIT_SHA", raising=False)
    project = tmp_path / "shop"
    write(project, "steelyard.toml", APPLICATION)
    for file in ("suites/test_bot.py", "answers.json", "old.txt", "__pycache__/bot.pyc"):
        write(project, file, "{}")
    write(project, "bot.py", "BOOK = 'old.txt'\ndef answer(prompt): return 'a'\n")
    commit = commit_all(project)
    settings = with_commits(replace(load_settings(project), candidate=name, baseline="git:HEAD"))

    def notes(*others: Version) -> tuple[str, ...]:
        versions = (settings.version(each) for each in (name, "git:HEAD"))
        return version_notes(*(Version(each.name, each, each.name) for each in versions), *others, root=project)[1:]

    assert notes() == ()
    for file in ("suites/test_bot.py", "answers.json", "NOTES.md", "__pycache__/bot.pyc"):
        write(project, file, "{ }")
    write(project, "bot.py", "def answer(prompt): return 'b'\n")
    (project / "old.txt").unlink()
    assert notes() == (told,)
    assert told in notes(served("judge", commit)), "beside a note on the revision of another version"


def test_a_store_is_told_of_an_endpoint_once() -> None:
    def ended(finished: bool, **spec: object) -> RunInfo:
        return RunInfo("r", "2026-11-27T00:00:00Z", spec, finished)

    first, second = served("first"), served("second")
    note = {"name": "first", "fingerprint": "first"}
    before = [ended(True, candidate=note), ended(False, candidate={"fingerprint": "second"})]
    assert version_notes(first, root=Path(), runs=lambda: before) == ()
    assert version_notes(second, first, root=Path(), runs=lambda: before)[0].startswith("second is an endpoint without")
    judged = [ended(True, candidate={"name": "t", "fingerprint": "t"}, judges=[note])]
    assert version_notes(first, root=Path(), runs=lambda: judged) == ()


def test_a_store_is_told_once_why_all_files_count_for_an_application(tmp_path: Path) -> None:
    write(tmp_path, "bot.py", "def answer(prompt):\n    return open(prompt).read()\n")
    listed = VersionSettings("bot", "python", engine_options={"call": "bot:answer", "files": ["bot.py"]})
    own = VersionSettings("bot", "python", engine_options={"call": "bot:answer"})
    (told,) = version_notes(Version("bot", own, "f"), root=tmp_path)
    assert told.startswith("all files of the project count for bot, so that a change of any of them draws its answers")
    assert "which ones bot:answer reads can't be told (bot.py, line 2: open)" in told
    assert version_notes(Version("bot", listed, "f"), root=tmp_path) == ()
    before = RunInfo("r", "2026-11-27T00:00:00Z", {"candidate": {"name": "bot", "fingerprint": "f"}}, finished=True)
    assert version_notes(Version("bot", own, "f"), root=tmp_path, runs=lambda: [before]) == ()


def test_fresh_begins_one_for_the_run_and_not_one_for_each_who_asks(tmp_path: Path) -> None:
    version = served("it")
    with Store.open(str(tmp_path / "store.db")) as store:
        assert Generations(store).of(version) == (0,)
        fresh = Generations(store, is_fresh=True)
        assert fresh.of(version) == fresh.of(replace(version, name="same")) == (1,)
        assert Generations(store, is_fresh=True).of(version) == (2,)
