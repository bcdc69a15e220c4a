from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.environment import colours_wanted, free_threads, shared_threads
from harness.config.settings import Settings
from harness.errors import SettingsError
from tests.config.settings_files import load
from tests.repositories import commit_all, git


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("", True), ("1", False), ("0", False)])
def test_colours_are_wanted_unless_no_color_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, value: str | None, wanted: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    assert colours_wanted() is wanted


@pytest.mark.parametrize(
    ("told", "cores", "free", "shared"), [(None, 2, 2, 1), (None, 16, 16, 4), ("3", 16, 3, 3), ("0", 8, 8, 2)]
)
def test_what_computes_beside_others_takes_a_quarter_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, told: str | None, cores: int, free: int, shared: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert (free_threads(), shared_threads()) == (free, shared)


SERVED = """
models.v = { engine = "scripted", default = "A", system = "on ${PLANET:-Earth}", revision = "${REVISION}" }
"""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without the variables that these settings name."""
    for name in ("GIT_SHA", "PLANET", "REVISION"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_settings_name_variables_of_the_environment(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("REVISION", "7")
    text = 'report_dir = "out/${REVISION}"\nmlflow_experiment = "e${REVISION}"\n'
    settings = load(tmp_path, text + SERVED)
    assert (settings.report_dir, settings.mlflow_experiment) == ("out/7", "e7")
    assert settings.version("v").system == "on Earth"
    assert settings.version("v").revision == "7"
    bare.setenv("PLANET", "Mars")
    assert load(tmp_path, SERVED).version("v").system == "on Mars"


def test_tables_within_a_version_and_corpora_name_them_too(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("REVISION", "r")
    text = """
    models.v = { engine = "scripted", answers = { "${REVISION}" = ["${REVISION}", "a"] } }
    corpora.c = { documents = "${REVISION}/documents.jsonl" }
    """
    settings = load(tmp_path, text)
    assert settings.version("v").engine_options["answers"] == {"${REVISION}": ["r", "a"]}
    assert settings.corpus("c").documents == "r/documents.jsonl"


def test_a_variable_that_is_not_set_is_told_when_its_version_is_asked_for(
    tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("REVISIONS", "7")
    settings = load(tmp_path, SERVED)
    with pytest.raises(SettingsError) as caught:
        settings.version("v")
    assert str(caught.value) == (
        f"{tmp_path / 'steelyard.toml'}, version 'v': revision takes the environment variable REVISION, which is not "
        "set; set it, or write ${REVISION:-default}. Did you mean 'REVISIONS'?"
    )


def test_an_empty_variable_takes_the_default_as_in_a_shell(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("REVISION", "1")
    bare.setenv("PLANET", "")
    assert load(tmp_path, SERVED).version("v").system == "on Earth"
    bare.setenv("REVISION", "")
    with pytest.raises(SettingsError, match=r"revision takes the environment variable REVISION, which is empty; set"):
        load(tmp_path, SERVED).version("v")


def test_two_dollar_signs_before_braces_stand_for_the_text_itself(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("PLANET", "Mars")
    text = 'report_dir = "$${PLANET}/$${/${PLANET}/$PLANET"'
    assert load(tmp_path, text).report_dir == "${PLANET}/${/Mars/$PLANET"


@pytest.mark.parametrize("text", ["${GIT-SHA}", "${}", "${NAME", "${user.name}"])
def test_braces_that_name_no_variable_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"report_dir holds '\$\{.*', which is no variable .* and \$\$\{ for"):
        load(tmp_path, f'report_dir = "{text}"')


def sha(settings: Settings) -> str | None:
    return settings.version("v").revision


def test_the_commit_is_that_of_the_repository_unless_a_variable_says_otherwise(
    tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    text = 'models.v = { engine = "scripted", default = "A", revision = "${GIT_SHA}" }'
    with pytest.raises(
        SettingsError, match=r"version 'v': revision takes the environment variable GIT_SHA, .* not a git repository"
    ):
        sha(load(tmp_path, text))
    with_default = text.replace("SHA}", "SHA:-dev}")
    assert sha(load(tmp_path, with_default)) == "dev"
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SettingsError, match=r"in .* git says: that there is no commit yet; set it"):
        sha(load(tmp_path, text))
    bare.setenv("GIT_SHA", "")
    with pytest.raises(SettingsError, match=r"GIT_SHA, which is not set, or empty, and in"):
        sha(load(tmp_path, text))
    bare.delenv("GIT_SHA")
    commit = commit_all(tmp_path)
    assert {sha(load(tmp_path, text)), sha(load(tmp_path, with_default))} == {commit}
    bare.setenv("GIT_SHA", "")  # as CI does where nothing fills it in
    assert {sha(load(tmp_path, text)), sha(load(tmp_path, with_default))} == {commit}
    bare.setenv("GIT_SHA", "of the build")
    assert sha(load(tmp_path, with_default)) == "of the build"
