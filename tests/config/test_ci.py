"""What a CI system says of a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.ci import CiJob, find_forge, read_job
from harness.errors import SettingsError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which no CI system says anything."""
    import os

    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GITLAB_", "CI")):
            monkeypatch.delenv(name)
    return monkeypatch


def github(environment: pytest.MonkeyPatch, folder: Path, event: Any, **more: str) -> CiJob:
    (folder / "event.json").write_text(event if isinstance(event, str) else json.dumps(event))
    environment.setenv("GITHUB_EVENT_PATH", str(folder / "event.json"))
    for name, value in {"GITHUB_REPOSITORY": "ann/demo", "GITHUB_RUN_ID": "77", **more}.items():
        environment.setenv(name, value)
    return read_job("github")


def test_a_job_of_github_runs_for_the_pull_request_of_its_event(environment, tmp_path: Path) -> None:
    job = github(environment, tmp_path, {"pull_request": {"number": 12}})
    page = "https://github.com/ann/demo/actions/runs/77"
    assert job == CiJob("github", "https://api.github.com", "ann/demo", 12, page)


@pytest.mark.parametrize(
    ("event", "ref", "number"),
    [
        ({"issue": {"number": 3, "pull_request": {}}}, "refs/heads/main", 3),
        ({"issue": {"number": 3}}, "refs/heads/main", None),
        ({}, "refs/pull/9/merge", 9),
        ({"pull_request": {"number": "12; rm"}}, "refs/heads/main", None),
        ({"pull_request": None}, "", None),
        ([], "refs/tags/v1", None),
        ("no json", "refs/heads/main", None),
    ],
)
def test_what_starts_a_job_may_name_a_pull_request_or_none(
    environment, tmp_path: Path, event: Any, ref: str, number: int | None
) -> None:
    assert github(environment, tmp_path, event, GITHUB_REF=ref).pull_request == number


def test_a_server_of_ones_own_is_asked_where_the_job_says(environment, tmp_path: Path) -> None:
    own = {"GITHUB_API_URL": "https://forge.example/api/v3/", "GITHUB_SERVER_URL": "https://forge.example"}
    job = github(environment, tmp_path, {}, **own)
    assert (job.api, job.page) == ("https://forge.example/api/v3", "https://forge.example/ann/demo/actions/runs/77")


def test_a_job_of_gitlab_runs_for_its_merge_request(environment) -> None:
    assert read_job("gitlab") == CiJob("gitlab", "https://gitlab.com/api/v4", "", None, "")
    for name, value in {
        "CI_API_V4_URL": "https://lab.example/api/v4",
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_JOB_URL": "https://lab.example/ann/demo/-/jobs/9",
    }.items():
        environment.setenv(name, value)
    assert read_job("gitlab") == CiJob(
        "gitlab", "https://lab.example/api/v4", "5", 12, "https://lab.example/ann/demo/-/jobs/9"
    )


def test_an_address_that_is_none_is_refused(environment) -> None:
    environment.setenv("CI_API_V4_URL", "file:///etc/passwd")
    with pytest.raises(SettingsError, match="CI_API_V4_URL is 'file:///etc/passwd', which is no address of the web"):
        read_job("gitlab")


def test_the_forge_is_the_one_whose_job_this_is(environment) -> None:
    with pytest.raises(SettingsError, match=r"no job of GitHub or GitLab .*--to github, --to gitlab, or --print"):
        find_forge(None)
    environment.setenv("GITLAB_CI", "true")
    assert find_forge(None) == "gitlab"
    assert find_forge("github") == "github"
    with pytest.raises(SettingsError, match=r"--to: No forge named 'gitea'\. Forges: github, gitlab\."):
        find_forge("gitea")
