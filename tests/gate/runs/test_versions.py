"""What is told of a run's versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import VersionSettings
from harness.config.commits import with_commits
from harness.config.settings import load_settings
from harness.gate.runs.versions import Generations, files_note, version_notes
from harness.models.version import Version, load_version
from harness.store import RunInfo, Store
from tests.repositories import commit_all, write


def served(name: str, revision: str | None = None, max_age_s: float | None = None) -> Version:
    options = {"base_url": "http://127.0.0.1:8000/v1", "model": "m"}
    own = VersionSettings(name, "openai", revision=revision, max_age_s=max_age_s, engine_options=options)
    return Version(name, own, name)


def test_an_endpoint_whose_answers_nothing_tells_apart_is_told_of_once() -> None:
    first, second = served("first"), served("second")
    scripted = Version("table", VersionSettings("table", "scripted", engine_options={"default": "a"}), "t")
    assert version_notes(first, scripted, first, root=Path()) == (
        "first is an endpoint without revision or max_age: stored answers count for ever, also when something else is "
        "served there. Set one of them",
    )
    assert version_notes(first, second, root=Path())[0].startswith("first and second are endpoints without")


def test_an_endpoint_with_a_revision_or_an_age_is_not_told_of() -> None:
    assert version_notes(served("first", revision="1"), served("second", max_age_s=1.0), root=Path()) == ()


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
"""


@pytest.mark.service
def test_the_files_in_which_an_application_differs_from_a_commit_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    project = tmp_path / "shop"
    write(project, "steelyard.toml", APPLICATION)
    for file in ("suites/test_bot.py", "old.txt", "__pycache__/bot.pyc", "bot.py"):
        write(project, file, "")
    commit_all(project)
    settings = with_commits(replace(load_settings(project), candidate="bot", baseline="git:HEAD"))

    def notes() -> tuple[str, ...]:
        now, then = (load_version(settings.version(name), project) for name in ("bot", "git:HEAD"))
        return version_notes(now, then, root=project)[1:]

    for file in ("suites/test_bot.py", "README.md"):
        write(project, file, "changed")
    assert [note[:32] for note in notes()] == ["git:HEAD is the same as bot: not"]
    write(project, "bot.py", "changed")
    (project / "old.txt").unlink()
    assert notes() == ("bot and git:HEAD differ in bot.py, old.txt. Cases and tests are today's for both",)


def test_the_files_that_draw_an_application_s_answers_anew_are_told(tmp_path: Path) -> None:
    own = VersionSettings("bot", "python", engine_options={"call": "bot:answer"})
    write(tmp_path, "bot.py", "old")
    before = load_version(own, tmp_path)
    named = {"candidate": {"name": "bot", "fingerprint": before.fingerprint}}
    run = RunInfo("r", "2026-11-27T00:00:00Z", {**named, **files_note(before, tmp_path)}, finished=True)

    def notes(runs: list[RunInfo]) -> tuple[str, ...]:
        return version_notes(load_version(own, tmp_path), root=tmp_path, runs=lambda: runs)

    assert notes([]) == notes([run]) == ()
    write(tmp_path, "bot.py", "new")
    write(tmp_path, "prompts/a.md")
    assert notes([]) == ()
    assert notes([run]) == ("bot answers anew: bot.py, prompts/a.md changed since run r",)


def test_a_run_of_files_that_are_not_as_committed_is_noted(tmp_path: Path) -> None:
    own = VersionSettings("bot", "python", engine_options={"call": "bot:answer"})
    write(tmp_path / "shop", "bot.py", "old")
    commit_all(tmp_path)
    write(tmp_path / "shop", "README.md", "new")
    assert "uncommitted" not in files_note(load_version(own, tmp_path / "shop"), tmp_path / "shop")
    write(tmp_path / "shop", "bot.py", "new")
    assert files_note(load_version(own, tmp_path / "shop"), tmp_path / "shop")["uncommitted"]


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


def test_fresh_begins_one_for_the_run_and_not_one_for_each_who_asks(tmp_path: Path) -> None:
    version = served("it")
    with Store.open(str(tmp_path / "store.db")) as store:
        assert Generations(store).of(version) == (0,)
        fresh = Generations(store, is_fresh=True)
        assert fresh.of(version) == fresh.of(replace(version, name="same")) == (1,)
        assert Generations(store, is_fresh=True).of(version) == (2,)


def test_those_that_are_too_old_do_not_count(tmp_path: Path) -> None:
    version = served("it", max_age_s=60.0)
    with Store.open(str(tmp_path / "store.db")) as store:
        store.generations(version.fingerprint, now=0.0)
        assert Generations(store).of(version) == (1,)
