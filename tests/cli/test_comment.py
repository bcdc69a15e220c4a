"""`steelyard comment`, against servers that keep comments as GitHub's and GitLab's APIs do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from harness.reporting.markdown.report import markdown
from harness.reporting.shared.files import write_report
from tests.cli.conftest import Run
from tests.loopback.forge import APP, STRANGER, USER, Forge
from tests.reporting import example_reports as examples

pytestmark = pytest.mark.service

MARKER = "<!-- steelyard: gate -->"


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Forge]:
    """A server of either kind, and the environment of a job of it that runs for pull request 12."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GITLAB_", "CI")):
            monkeypatch.delenv(name)
    server = Forge(request.param)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 12}}))
    variables = {
        "github": {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": server.api,
            "GITHUB_REPOSITORY": "ann/demo",
            "GITHUB_RUN_ID": "77",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_TOKEN": "user-token",
        },
        "gitlab": {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": server.api,
            "CI_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_JOB_URL": "https://lab.example/ann/demo/-/jobs/9",
            "GITLAB_TOKEN": "user-token",
        },
    }[request.param]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


@pytest.fixture
def comment(folder: Path, run: Run) -> Run:
    """`comment()` in a folder whose last gate was red."""
    write_report(examples.red(), folder / "reports" / "latest")
    return lambda *arguments: run("comment", *arguments)


def token_variable(forge: Forge) -> str:
    return "GITHUB_TOKEN" if forge.kind == "github" else "GITLAB_TOKEN"


def assert_refused(result: Result, *words: str) -> None:
    """Nothing was written, it is told why, and the exit code is that of success."""
    assert result.exit_code == 0
    assert result.stderr.startswith("No comment: ")
    for each in words:
        assert each in result.stderr
    assert "user-token" not in result.output


def test_the_first_run_adds_a_comment(forge: Forge, comment: Run) -> None:
    result = comment()
    place = "https://forge.example/comment" if forge.kind == "github" else "merge request !12"
    assert result.output == f"Comment posted: {place}\n"
    (only,) = forge.state.comments
    page = "github.com/ann/demo/actions/runs/77" if forge.kind == "github" else "lab.example/ann/demo/-/jobs/9"
    assert only["body"] == markdown(examples.red(), link=f"https://{page}")


def test_the_next_run_replaces_it_in_its_place(forge: Forge, comment: Run, folder: Path) -> None:
    comment()
    write_report(examples.green(), folder / "reports" / "latest")
    assert comment().output.startswith("Comment updated: ")
    (only,) = forge.state.comments
    assert "GREEN: 12 passed" in only["body"]
    assert comment().output.startswith("Comment unchanged: ")
    assert forge.state.methods == ["POST", "PATCH" if forge.kind == "github" else "PUT"]


def test_the_comment_is_found_among_all_pages(forge: Forge, comment: Run) -> None:
    for number in range(230):
        forge.state.add(f"remark {number}" if number != 205 else f"{MARKER}\r\nold", USER)
    assert comment().output.startswith("Comment updated: ")
    assert len(forge.state.comments) == 230
    assert forge.state.comments[205]["body"].startswith(f"{MARKER}\n### ")
    pages = [path for method, path, _ in forge.state.seen if method == "GET" and "page=" in path]
    assert len(pages) == 3


def test_exactly_one_full_page_is_no_last_page(forge: Forge, comment: Run) -> None:
    for number in range(100):
        forge.state.add(f"remark {number}", USER)
    assert comment().output.startswith("Comment posted: ")


def test_a_comment_of_somebody_else_with_the_same_first_line_is_left_alone(forge: Forge, comment: Run) -> None:
    forge.state.add(f"{MARKER}\nGREEN: all passed", STRANGER)
    assert comment().output.startswith("Comment posted: ")
    assert forge.state.comments[0]["body"] == f"{MARKER}\nGREEN: all passed"


def test_gates_of_different_names_have_a_comment_each(forge: Forge, comment: Run) -> None:
    for name in ("gate", "nightly", "gate"):
        comment("--name", name)
    assert [each["body"].partition("\n")[0] for each in forge.state.comments] == [
        MARKER,
        "<!-- steelyard: nightly -->",
    ]


def test_a_gate_that_came_to_no_report_does_not_leave_the_one_before(forge: Forge, comment: Run, folder: Path) -> None:
    comment()
    (folder / "reports" / "latest" / "report.json").unlink()
    comment()
    (only,) = forge.state.comments
    assert only["body"].splitlines()[:2] == [MARKER, "### ❔ no report"]
    assert "[Output](<https://" in only["body"]


def test_without_a_token_it_is_told_how_to_give_one(
    forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = token_variable(forge)
    monkeypatch.delenv(variable)
    assert_refused(
        comment(),
        f"the environment variable {variable} is not set.",
        "pull-requests: write" if forge.kind == "github" else "scope `api`",
    )
    monkeypatch.setenv("OTHER", "user-token")
    assert comment("--token-env", "OTHER").output.startswith("Comment posted: ")


def test_a_token_with_a_line_end_is_not_shown(forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(token_variable(forge), "user-token\nX-Evil: 1")
    assert_refused(comment(), "holds characters that no token has")
    assert forge.state.seen == []


def test_a_wrong_token_is_told(forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(token_variable(forge), "stale")
    assert_refused(comment(), "HTTP 401 Unauthorized", f"renew {token_variable(forge)}")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {}, "The token may not write"),
        (404, {}, "12 in "),
        (429, {"Retry-After": "60"}, "Too many requests were made with this token."),
        (403, {"X-RateLimit-Remaining": "0"}, "Too many requests were made with this token."),
        (422, {}, "HTTP 422"),
        (502, {}, "HTTP 502 Bad Gateway"),
        (307, {"Location": "http://127.0.0.1:9/elsewhere"}, "a token is not sent elsewhere"),
    ],
)
def test_a_refusal_is_told_with_its_reason(
    forge: Forge, comment: Run, status: int, headers: dict[str, str], words: str
) -> None:
    said = json.dumps({"message": "no \x1b[31m, says user-token"})
    forge.state.refusal["POST"] = (status, headers, said)
    assert_refused(comment(), words, "no \\x1b[31m, says ***")
    assert forge.state.comments == []


@pytest.mark.parametrize("text", ["<html>", '{"a": 1}', ""])
def test_an_answer_that_is_not_the_apis_is_told(forge: Forge, comment: Run, text: str) -> None:
    forge.state.refusal["GET"] = (200, {}, text)
    assert_refused(comment(), "is it the API's address?")


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_is_nested_without_end_is_told(forge: Forge, comment: Run, status: int) -> None:
    forge.state.refusal["GET"] = (status, {}, "[" * 200_000)
    assert_refused(comment(), "is it the API's address?" if status == 200 else "HTTP 500")


@pytest.mark.parametrize("identity", [None, "../../x", 1.5, True])
def test_a_comment_without_a_number_of_its_own_is_left_alone(forge: Forge, comment: Run, identity: object) -> None:
    forge.state.add(MARKER + "\nold", USER)["id"] = identity
    assert comment().exit_code == 0
    assert forge.state.methods == ["POST"]


def test_a_forge_that_is_not_there_is_told(forge: Forge, comment: Run) -> None:
    forge.stop()
    assert_refused(comment(), "can't be reached: [Errno 111] Connection refused")


def test_a_job_that_runs_for_no_pull_request_writes_none(
    forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    monkeypatch.delenv("CI_MERGE_REQUEST_IID", raising=False)
    result = comment()
    assert result.exit_code == 0
    assert result.output == "No comment: this job runs for no pull request. Say which with --pull-request N.\n"
    assert forge.state.seen == []
    assert comment("--pull-request", "12").output.startswith("Comment posted: ")


def test_a_job_without_a_project_is_told(forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "GITHUB_REPOSITORY" if forge.kind == "github" else "CI_PROJECT_ID"
    monkeypatch.delenv(variable)
    assert_refused(comment(), f"the environment variable {variable} does not say in which project pull request 12 is")


@pytest.mark.parametrize("forge", ["github"], indirect=True)
def test_the_token_of_a_workflow_replaces_comments_of_apps_alone(
    forge: Forge, comment: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not ask whose it is."""
    monkeypatch.setenv("GITHUB_TOKEN", "app-token")
    forge.state.add(f"{MARKER}\nby a person", USER)
    forge.state.add(f"{MARKER}\nold", APP)
    assert comment().output.startswith("Comment updated: ")
    assert [each["body"].splitlines()[1][:5] for each in forge.state.comments] == ["by a ", "### ❌"]


@pytest.mark.parametrize("forge", ["gitlab"], indirect=True)
def test_remarks_of_the_system_are_no_comments(forge: Forge, comment: Run) -> None:
    forge.state.add(f"{MARKER}\nchanged the title", USER)["system"] = True
    assert comment().output.startswith("Comment posted: ")


def test_print_shows_the_comment_and_asks_nobody(forge: Forge, comment: Run, folder: Path) -> None:
    assert comment("--print").output == markdown(examples.red())
    assert comment("--print", "--name", "n", "--link", "https://x.example").output == markdown(
        examples.red(), "n", "https://x.example"
    )
    said = comment("nowhere", "--print").output
    assert said.splitlines()[1] == "### ❔ no report"
    assert "it ran no evaluation, or ended before its own end; its output says why" in said
    assert comment("reports/latest/report.json", "--print").output == markdown(examples.red())
    assert forge.state.seen == []


def test_options_that_can_not_be_are_usage_errors(forge: Forge, comment: Run, folder: Path) -> None:
    (folder / "broken.json").write_text("{")
    for arguments in (("--name", "a -->"), ("--link", "nowhere"), ("--to", "gitea"), ("broken.json",)):
        assert comment(*arguments).exit_code == 4
    assert forge.state.seen == []


def test_the_folder_is_the_one_of_the_settings(forge: Forge, comment: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text('report_dir = "out"\n')
    write_report(examples.green(), folder / "out")
    assert "GREEN: 12 passed" in comment("--print").output


def test_the_longest_comment_is_taken(forge: Forge, comment: Run, folder: Path) -> None:
    write_report(examples.sixty(), folder / "reports" / "latest")
    assert comment().output.startswith("Comment posted: ")
