"""What of a project's settings is another than it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.repository.git import Repository
from harness.config.repository.history import asks_for_the_same, differing, is_same_version, settings_at
from harness.config.settings import load_settings
from tests.repositories import commit_all, write

MODELS = '[models.a]\nengine = "scripted"\ndefault = "yes"\n'


def before_and_now(folder: Path, before: str, now: str):
    write(folder, "steelyard.toml", before)
    commit = commit_all(folder)
    write(folder, "steelyard.toml", now)
    return settings_at(Repository(folder), commit, folder), load_settings(folder)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("samples = 5\nmargin = 0.05", []),  # the defaults, written out
        ("samples = 6", ["samples"]),
        ('seed = 1\ndesign = "fixed"', ["design", "seed"]),
        ('candidate = "a"', ["candidate"]),
        ('concurrency = 3\nstore = "x.db"\nmax_tokens = 5\ninconclusive = "warn"', []),
    ],
)
def test_settings_differ_where_a_verdict_may_depend_on_it(tmp_path: Path, text: str, names: list[str]) -> None:
    before, now = before_and_now(tmp_path, MODELS, f"{text}\n{MODELS}")
    assert before is not None
    assert differing(before, now) == names


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        (
            '[models.a]\nengine = "scripted"\ndefault = "yes"\ndescription = "d"\nprice = { input = 1, output = 1 }',
            True,
        ),
        ('[models.b]\nengine = "scripted"\ndefault = "yes"\n[models.a]\nbase = "b"', True),
        ('[models.b]\nengine = "scripted"\ndefault = "no"\n[models.a]\nbase = "b"', False),
        ('[models.a]\nengine = "scripted"\ndefault = "yes"\nsystem = "s"', False),
        ('[models.a]\nengine = "scripted"\ndefault = "yes"\nsampling = { temperature = 0 }', False),
        ('[models.a]\nengine = "scripted"\ndefault = "yes"\nrevision = "2"', False),
    ],
)
def test_a_version_is_the_same_if_its_answers_depend_on_the_same(tmp_path: Path, now: str, is_same: bool) -> None:
    before, after = before_and_now(tmp_path, MODELS, now)
    assert before is not None
    assert is_same_version(before.versions["a"], after.versions["a"]) is is_same


@pytest.mark.parametrize("text", ["samples = ", "no_such_setting = 3", "models = 3"])
def test_settings_that_can_not_be_understood_are_none(tmp_path: Path, text: str) -> None:
    assert before_and_now(tmp_path, text, MODELS)[0] is None


def test_a_file_that_was_not_there_held_none(tmp_path: Path) -> None:
    commit = commit_all(tmp_path)
    write(tmp_path, "steelyard.toml", MODELS)
    assert settings_at(Repository(tmp_path), commit, tmp_path) is None


PROJECT = '[project]\nname = "p"\nversion = "1"\ndependencies = ["a"]\n[tool.steelyard]\nsamples = 3\n'


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        (PROJECT, True),
        (PROJECT.replace('version = "1"', 'version = "2"\ndescription = "d"'), True),
        (PROJECT.replace("samples = 3", "samples = 4"), True),
        (PROJECT + "[tool.ruff]\nline-length = 100\n", True),
        (PROJECT.replace('["a"]', '["a>=2"]'), False),
        (PROJECT + "[tool.pytest.ini_options]\naddopts = '-q'\n", False),
        (PROJECT + "[dependency-groups]\ndev = ['x']\n", False),
        (PROJECT + "[tool.uv]\noverride-dependencies = ['x']\n", False),
        ("[project", False),
        ("", False),
    ],
)
def test_a_pyproject_asks_for_the_same_if_packages_and_tests_are_the_same(now: str, is_same: bool) -> None:
    assert asks_for_the_same(PROJECT.encode(), now.encode(), Path("pyproject.toml")) is is_same


def test_a_pyproject_that_is_new_asks_for_something_new() -> None:
    assert not asks_for_the_same(None, PROJECT.encode(), Path("pyproject.toml"))
