"""Reads from the environment variables of a CI system which job this runs in."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import SettingsError, choices

Forge = Literal["github", "gitlab"]
FORGES: tuple[Forge, ...] = get_args(Forge)
TOKEN_VARIABLES: dict[Forge, str] = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN"}

_JOB_VARIABLES: dict[Forge, str] = {"github": "GITHUB_ACTIONS", "gitlab": "GITLAB_CI"}
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/")


@dataclass(frozen=True, slots=True)
class CiJob:
    """A job on GitHub or GitLab.

    Attributes:
        api: address of the forge's API, without a slash at its end.
        project: `OWNER/NAME` on GitHub, the number or the encoded path of the project on GitLab; "" where nothing says.
        pull_request: the number of the pull request (merge request) that it runs for; None where it runs for none.
        page: address of the job's own page; "" where nothing says.
    """

    forge: Forge
    api: str
    project: str
    pull_request: int | None
    page: str


def find_forge(name: str | None) -> Forge:
    """The forge of this name; without a name, the one whose job this is."""
    for forge, variable in _JOB_VARIABLES.items():
        if name == forge or (name is None and os.environ.get(variable)):
            return forge
    if name is None:
        raise SettingsError(
            "This is no job of GitHub or GitLab (neither GITHUB_ACTIONS nor GITLAB_CI is set). Say where: --to github, "
            "--to gitlab, or --print to see the comment."
        )
    raise SettingsError(f"--to: {choices('forge', name, FORGES)}")


def read_job(forge: Forge) -> CiJob:
    """Read the job of this forge from the environment. Raises SettingsError: an address that is none."""
    given = os.environ.get
    if forge == "gitlab":
        number = given("CI_MERGE_REQUEST_IID", "")
        request = int(number) if number.isascii() and number.isdigit() else None
        api = _address("CI_API_V4_URL", "https://gitlab.com/api/v4")
        return CiJob(forge, api, given("CI_PROJECT_ID", ""), request, given("CI_JOB_URL", ""))
    project, run = given("GITHUB_REPOSITORY", ""), given("GITHUB_RUN_ID", "")
    page = f"{given('GITHUB_SERVER_URL', 'https://github.com')}/{project}/actions/runs/{run}" if project and run else ""
    return CiJob(forge, _address("GITHUB_API_URL", "https://api.github.com"), project, _pull_request(), page)


def _pull_request() -> int | None:
    """The pull request of GitHub's event: that of the event itself, or the one that was commented on."""
    event: Any = None
    with suppress(OSError, ValueError):
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
    if isinstance(event, dict):
        commented = event.get("issue")
        is_of_one = isinstance(commented, dict) and "pull_request" in commented
        for pull_request in (event.get("pull_request"), commented if is_of_one else None):
            if isinstance(pull_request, dict) and isinstance(number := pull_request.get("number"), int):
                return number
    named = _PULL_REQUEST.match(os.environ.get("GITHUB_REF", ""))
    return int(named[1]) if named else None


def _address(variable: str, default: str) -> str:
    address = (os.environ.get(variable) or default).rstrip("/")
    if not address.startswith(("https://", "http://")):
        raise SettingsError(f"The environment variable {variable} is {address!r}, which is no address of the web.")
    return address
