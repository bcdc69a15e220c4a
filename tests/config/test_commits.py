"""Versions at a commit: which settings, which files, and what is told."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.commits import with_commits
from harness.config.settings import Settings, load_settings
from harness.errors import SettingsError
from tests.repositories import commit_all, git, write

pytestmark = pytest.mark.service

VERSION = '[models.bot]\nengine = "scripted"\nanswers = "answers.json"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository, at its first commit."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GIT_SHA", raising=False)
    folder = tmp_path / "shop" / "evals"
    write(folder, "steelyard.toml", VERSION)
    write(folder, "answers.json", "{}")
    git(folder.parent, "init", "--quiet", "--initial-branch=main")
    commit_all(folder.parent, "the first")
    return folder


def against(folder: Path, name: str, **changes: str) -> Settings:
    return with_commits(replace(load_settings(folder), baseline=name, **changes))


def told(settings: Settings, name: str = "git:main") -> tuple[str, ...]:
    checkout = settings.version(name).checkout
    assert checkout is not None
    return checkout.notes


def test_a_version_at_a_commit_has_its_folder_and_settings(folder: Path) -> None:
    commit = git(folder, "rev-parse", "HEAD")
    write(folder, "steelyard.toml", VERSION + 'system = "Be brief."\n')
    settings = against(folder, "git:main")
    version = settings.version("git:main")
    assert version.name == "git:main"
    assert version.commit == commit
    assert version.system is None
    assert (version.root(folder) / "answers.json").read_text() == "{}"
    assert version.root(folder) == settings.home("git:main").root
    assert settings.home("bot") is settings
    assert settings.table("git:main") == "[models.bot]"
    assert settings.models == ("bot",)
    assert told(settings)[0].startswith(f"git:main is bot as it was at {commit[:12]} (")
    assert told(settings)[0].endswith("the first), where steelyard.toml sets it otherwise than today")


def test_a_version_that_the_commit_s_settings_do_not_have_is_set_as_today(folder: Path) -> None:
    write(folder, "steelyard.toml", VERSION.replace("bot", "new"))
    settings = against(folder, "git:main")
    assert settings.version("git:main").engine_options == {"answers": "answers.json"}
    assert told(settings)[0].endswith(", with the settings of today: steelyard.toml did not have it")


@pytest.mark.parametrize("files", [("pyproject.toml", "steelyard.toml"), ("steelyard.toml", "pyproject.toml")])
def test_settings_are_those_of_the_commit_in_whichever_file_it_had_them(folder: Path, files: tuple[str, str]) -> None:
    tables = {"pyproject.toml": VERSION.replace("[", "[tool.steelyard."), "steelyard.toml": VERSION}
    (folder / "steelyard.toml").unlink()
    write(folder, files[0], tables[files[0]])
    commit_all(folder.parent)
    (folder / files[0]).unlink()
    write(folder, files[1], tables[files[1]] + 'system = "Be brief."\n')
    settings = against(folder, "git:main")
    assert settings.version("git:main").system is None
    assert told(settings)[0].endswith(f", where {files[0]} sets it otherwise than today")


def test_settings_that_could_not_be_read_then_are_those_of_today(folder: Path) -> None:
    write(folder, "steelyard.toml", VERSION + "sytem = 'x'\n")
    commit_all(folder.parent)
    write(folder, "steelyard.toml", VERSION)
    settings = against(folder, "git:HEAD")
    assert settings.version("git:HEAD").engine == "scripted"
    assert "with the settings of today, as those of the commit can't be read: " in told(settings, "git:HEAD")[0]
    assert "Did you mean 'system'?" in told(settings, "git:HEAD")[0]


def test_the_commit_s_own_id_stands_for_its_variable(folder: Path) -> None:
    write(folder, "steelyard.toml", VERSION + 'revision = "${GIT_SHA}"\n')
    then = commit_all(folder.parent)
    now = commit_all(folder.parent)
    settings = against(folder, "git:HEAD~1")
    assert settings.version("git:HEAD~1").revision == then
    assert settings.version("bot").revision == now
    assert "otherwise than today" not in told(settings, "git:HEAD~1")[0]


def test_the_candidate_may_be_of_a_commit_too(folder: Path) -> None:
    write(folder, "answers.json", '{"a": "b"}')
    commit_all(folder.parent)
    write(folder, "answers.json", '{"a": "c"}')
    settings = load_settings(folder)
    both = with_commits(replace(settings, candidate="git:HEAD", baseline="git:HEAD~1"), settings.candidate)
    roots = [both.version(name).root(folder) for name in ("git:HEAD", "git:HEAD~1")]
    assert [(root / "answers.json").read_text() for root in roots] == ['{"a": "b"}', "{}"]
    assert [len(told(both, name)) for name in both.commits] == [1, 1]


def test_of_several_versions_the_settings_say_which_one_a_candidate_at_a_commit_is(folder: Path) -> None:
    write(folder, "steelyard.toml", VERSION + '[models.other]\nbase = "bot"\n')
    settings = load_settings(folder)
    several = with_commits(replace(settings, candidate="git:HEAD", baseline="git:HEAD~1"), settings.candidate)
    for name in ("git:HEAD", "git:HEAD~1"):
        with pytest.raises(
            SettingsError, match=r"git:HEAD is a commit of which version\? Write candidate = .*bot, other"
        ):
            several.version(name)


def test_where_no_commit_can_stand_a_message_says_where_it_can(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"No version named 'git:main'.* stands in --candidate or --baseline"):
        load_settings(folder).version("git:main")


def test_a_corpus_at_a_commit_is_one_of_its_settings(folder: Path) -> None:
    text = 'corpora.raw = { documents = "answers.json" }\n'
    write(folder, "steelyard.toml", text)
    settings = against(folder, "git:main", candidate="raw")
    assert settings.home("git:main").corpus("git:main").documents == "answers.json"
    assert settings.version("git:main").engine == "corpus"


def test_settings_with_a_commit_can_be_handed_to_another_process(folder: Path) -> None:
    settings = against(folder, "git:main")
    assert pickle.loads(pickle.dumps(settings)).version("git:main") == settings.version("git:main")


def test_a_version_of_such_a_name_in_the_settings_is_that_version(folder: Path) -> None:
    write(folder, "steelyard.toml", VERSION + '[models."git:main"]\nbase = "bot"\n')
    settings = against(folder, "git:main", candidate="bot")
    assert settings.version("git:main").commit is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("git:", r"'git:' names no commit; write git:main, git:HEAD~1 or git:v1\.0\."),
        ("git:mian", r"git:mian: no commit of this name is known here\. Did you mean 'main'\? Name a branch"),
        ("git:HEAD~9", r"git:HEAD~9: no commit of this name is known here\. Name a branch"),
    ],
)
def test_a_ref_that_is_none_is_refused_when_it_is_asked_for(folder: Path, name: str, message: str) -> None:
    settings = against(folder, name)
    with pytest.raises(SettingsError, match=message):
        settings.version(name)


def test_without_a_repository_it_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "steelyard.toml", VERSION)
    with pytest.raises(SettingsError, match=r"git:main: git says in .* not a git repository"):
        against(tmp_path, "git:main").version("git:main")


def test_a_folder_that_was_not_there_is_refused(folder: Path) -> None:
    later = folder.parent / "later"
    write(later, "steelyard.toml", VERSION)
    with pytest.raises(SettingsError, match=r"git:main: the folder later of the settings was not there at commit"):
        against(later, "git:main").version("git:main")
