"""deepeval, imported by a project's own modules, is kept quiet; elsewhere it does as it is used to."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

IMPORT = """
    import os
    from pathlib import Path

    import deepeval

    QUIET = os.environ.get("FROM_DOTENV") is None and not Path(".deepeval").exists()
"""


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEEPEVAL_TELEMETRY_OPT_OUT", "DEEPEVAL_DISABLE_DOTENV", "DEEPEVAL_DISABLE_LEGACY_KEYFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.nightly
@pytest.mark.parametrize("imported_by", ["conftest.py", "test_it.py"])
def test_a_project_of_ours_hears_nothing_of_deepeval(project: Project, imported_by: str) -> None:
    (project.path / ".env").write_text("FROM_DOTENV=1\n", encoding="utf-8")
    project.module("def test_plain(): ...\n")
    project.write(imported_by, f"{IMPORT}\n    assert QUIET\n    def test_plain(): ...\n")
    assert project.run_anew().ret == 0


@pytest.mark.nightly
def test_what_the_environment_says_is_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEVAL_DISABLE_DOTENV", "0")
    (project.path / ".env").write_text("FROM_DOTENV=1\n", encoding="utf-8")
    project.module(f"{IMPORT}\n    assert os.environ['FROM_DOTENV'] == '1'\n    def test_plain(): ...\n")
    assert project.run_anew().ret == 0


@pytest.mark.nightly
def test_a_project_without_our_settings_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath(".env").write_text("FROM_DOTENV=1\n", encoding="utf-8")
    pytester.makepyfile("import os, deepeval\ndef test_plain():\n    assert os.environ['FROM_DOTENV'] == '1'\n")
    assert pytester.runpytest_subprocess("-p", "no:deepeval").ret == 0


def test_settings_that_are_no_toml_stop_nobody_who_needs_none(project: Project) -> None:
    project.module("def test_plain(): ...\n")
    project.configure()
    (project.path / "steelyard.toml").write_text("[", encoding="utf-8")
    assert project._pytester.runpytest_subprocess().ret == 0
