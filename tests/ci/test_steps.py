"""The commands of the CI files at work, in a project as `steelyard init` writes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.ci.steps import Ended, run_action, run_template
from tests.loopback.forge import APP, USER, Forge

pytestmark = pytest.mark.service


GATE = ["Run the gate", "Write the summary and the comment", "End as the gate did"]
EVIL = "suites -k '$(touch owned)' \"`touch owned`\" ; touch owned && touch owned | tee owned"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A folder as `steelyard init` writes it."""
    folder = tmp_path / "demo"
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def github() -> Iterator[Forge]:
    server = Forge("github")
    yield server
    server.stop()


@pytest.fixture
def gitlab() -> Iterator[Forge]:
    server = Forge("gitlab")
    yield server
    server.stop()


def on_github(demo: Path, forge: Forge, arguments: str, **more: str) -> Ended:
    """The action in a job for pull request 12, with what is installed here."""
    event = demo.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12, "title": "$(touch owned)"}}))
    variables = {
        "GITHUB_TOKEN": "app-token",
        "GITHUB_API_URL": forge.api,
        "GITHUB_REPOSITORY": "ann/demo",
        "GITHUB_RUN_ID": "77",
        "GITHUB_EVENT_PATH": str(event),
    }
    inputs = {"arguments": arguments, "install": "false", "python-version": "", **more}
    return run_action(demo, inputs, variables)


def on_gitlab(demo: Path, forge: Forge, arguments: str, **more: str) -> Ended:
    """The template in a job for merge request 12, with what is installed here."""
    variables = {
        "CI_API_V4_URL": forge.api,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_JOB_URL": "https://lab.example/ann/demo/-/jobs/9",
        "GITLAB_TOKEN": "user-token",
    }
    return run_template(demo, {"STEELYARD_ARGUMENTS": arguments, **more}, variables, install=False)


def headlines(forge: Forge) -> list[str]:
    """The second line of each comment."""
    return [each["body"].splitlines()[1] for each in forge.state.comments]


@pytest.mark.nightly
def test_the_action_ends_as_its_gate_and_keeps_one_comment(demo: Path, github: Forge) -> None:
    ended = on_github(demo, github, "suites")
    assert ended.code == 0, ended.output
    assert ended.ran == GATE
    assert "### ✅ GREEN: 1 passed" in ended.summary
    assert headlines(github) == ["### ✅ GREEN: 1 passed"]
    assert ended.used["actions/cache/restore@v5"]["path"] == "./.steelyard"
    assert ended.used["actions/upload-artifact@v6"]["path"] == "./reports/latest"
    red = on_github(demo, github, "suites --candidate forgetful")
    assert red.code == 1, red.output
    assert red.ran == GATE
    assert "### ❌ RED: 1 regressed" in red.summary
    assert headlines(github) == ["### ❌ RED: 1 regressed"]
    assert github.state.comments[0]["user"]["id"] == APP["id"]
    assert "[Full report](<https://github.com/ann/demo/actions/runs/77>)" in github.state.comments[0]["body"]


@pytest.mark.nightly
def test_the_action_ends_with_8_where_nothing_is_decided(demo: Path, github: Forge) -> None:
    ended = on_github(demo, github, "suites --case 'a*'", comment="false")
    assert ended.code == 8, ended.output
    assert "❔ INCONCLUSIVE" in ended.summary
    assert github.state.seen == []


def test_an_inconclusive_gate_may_warn(demo: Path, github: Forge) -> None:
    ended = on_github(demo, github, "suites --case 'a*'", comment="false", inconclusive="warn")
    assert ended.code == 0, ended.output
    assert "::warning title=Steelyard::The gate is inconclusive" in ended.output


@pytest.mark.nightly
def test_a_gate_that_does_not_start_is_told_in_the_comment(demo: Path, github: Forge) -> None:
    on_github(demo, github, "suites")
    ended = on_github(demo, github, "suites --candidate nobody")
    assert ended.code == 4, ended.output
    assert headlines(github) == ["### ❔ no report"]
    (demo / "conftest.py").write_text("raise SystemError('broken')\n")
    assert on_github(demo, github, "suites").code == 4
    assert headlines(github) == ["### ❔ no report"]


@pytest.mark.nightly
def test_a_comment_that_is_refused_does_not_change_the_exit_code(demo: Path, github: Forge) -> None:
    github.state.refusal["POST"] = (403, {}, '{"message": "Resource not accessible by integration"}')
    ended = on_github(demo, github, "suites")
    assert ended.code == 0
    assert "The token may not write comments" in ended.output
    assert "GREEN" in ended.summary


@pytest.mark.nightly
def test_what_the_inputs_say_is_never_run(demo: Path, github: Forge, gitlab: Forge) -> None:
    ended = on_github(demo, github, EVIL, name="gate")
    assert ended.code == 4, ended.output
    on_github(demo, github, "suites 'unclosed")
    on_gitlab(demo, gitlab, EVIL)
    assert list(demo.rglob("owned")) == []


@pytest.mark.nightly
def test_a_folder_of_its_own_and_a_place_for_the_reports(demo: Path, github: Forge) -> None:
    inner = demo / "gate here"
    inner.mkdir()
    for name in ("evals", "suites", "steelyard.toml", "pytest.ini", "conftest.py"):
        shutil.move(demo / name, inner / name)
    more = {"working-directory": "gate here", "report-directory": "out/of sight", "name": "nightly"}
    ended = on_github(demo, github, "suites", **more)
    assert ended.code == 0, ended.output
    assert (inner / "out" / "of sight" / "report.md").is_file()
    assert ended.used["actions/upload-artifact@v6"]["path"] == "gate here/out/of sight"
    assert headlines(github) == ["### ✅ nightly: GREEN: 1 passed"]


@pytest.mark.nightly
def test_the_template_ends_as_its_gate_and_keeps_one_comment(demo: Path, gitlab: Forge) -> None:
    ended = on_gitlab(demo, gitlab, "suites")
    assert ended.code == 0, ended.output
    assert headlines(gitlab) == ["### ✅ GREEN: 1 passed"]
    red = on_gitlab(demo, gitlab, "suites --candidate forgetful")
    assert red.code == 1, red.output
    assert headlines(gitlab) == ["### ❌ RED: 1 regressed"]
    assert gitlab.state.comments[0]["user"]["id"] == USER["id"]
    browsed = "https://lab.example/ann/demo/-/jobs/9/artifacts/browse/reports/latest"
    assert f"[Full report](<{browsed}>)" in gitlab.state.comments[0]["body"]
    junit = ElementTree.parse(demo / "reports" / "latest" / "junit.xml")
    (case,) = junit.iter("testcase")
    assert case.find("failure") is not None
    assert case.find("properties/property[@name='verdict']").get("value") == "regressed"  # type: ignore[union-attr]
    broken = on_gitlab(demo, gitlab, "suites --candidate nobody")
    assert broken.code == 4, broken.output
    assert headlines(gitlab) == ["### ❔ no report"]


def test_a_copy_of_the_action_does_not_install_the_project_that_it_lies_in(demo: Path) -> None:
    copy = demo / ".github/actions/gate"
    copy.mkdir(parents=True)
    (demo / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    ended = run_action(demo, {"python-version": "", "comment": "false"}, {"GITHUB_ACTION_PATH": str(copy)})
    assert (ended.code, ended.ran[0]) == (1, "Install Steelyard")
    assert "::error::This copy of the action lies in a repository that is not Steelyard" in ended.output
    assert "pip" not in ended.output


def test_the_template_installs_no_steelyard_that_nobody_named(demo: Path) -> None:
    ended = run_template(demo, {}, {}, install=True)
    assert ended.code == 1
    assert ended.output.startswith("STEELYARD_INSTALL is empty: name a commit of Steelyard")


def test_arguments_without_a_closing_quote_are_a_usage_error(demo: Path, github: Forge) -> None:
    ended = on_github(demo, github, "suites -k 'one")
    assert ended.code == 4, ended.output
    assert "::error::arguments can not be split into words: No closing quotation. Mend the quotes." in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.nightly
def test_both_install_this_steelyard(demo: Path, github: Forge, tmp_path: Path) -> None:
    """The action from its own commit; pip is kept from the network, and from what is installed here."""
    kept = "--quiet --no-deps --no-index --no-build-isolation --root-user-action ignore"
    ended = on_github(demo, github, "--version", install="true", requirements=f"{kept} --target '{tmp_path}/of action'")
    assert ended.code == 0, ended.output
    assert ended.ran == ["Install Steelyard", *GATE]
    root = Path(__file__).parents[2]
    given = {
        "STEELYARD_INSTALL": f"{kept} --target '{tmp_path}/of template' '{root}'",
        "STEELYARD_ARGUMENTS": "--version",
    }
    ended = run_template(demo, given, {}, install=True)
    assert ended.code == 0, ended.output
    for name in ("of action", "of template"):
        assert (tmp_path / name / "harness" / "plugin" / "session.py").is_file()
