"""A comment on a pull request of GitHub or a merge request of GitLab: found by its first line and replaced, or added.

Only comments of the token's own user are replaced: whoever writes the first line by hand gets no verdict into it.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from harness.config.ci import TOKEN_VARIABLES, CiJob
from harness.config.environment import token as read_token
from harness.errors import ForgeError, SettingsError

_TIMEOUT_S = 30
_PAGE = 100
_MOST_PAGES = 100
_MOST_BYTES = 32 * 2**20
_LONGEST_REASON = 300
_UNSET = {
    "github": "In a workflow, give the step `env: GITHUB_TOKEN: ${{ github.token }}`, and the job `permissions: "
    "pull-requests: write`.",
    "gitlab": "Add it to the project's CI/CD variables, masked: a project access token with the scope `api` and the "
    "role Reporter.",
}
_REFUSED = {
    "github": "The token may not write comments: give the job `permissions: pull-requests: write`. A pull request from "
    "a fork has a token that only reads; its report is in the job's summary.",
    "gitlab": "The token may not write notes: GITLAB_TOKEN needs the scope `api` and the role Reporter or higher.",
}


def post(job: CiJob, number: int, body: str, variable: str | None = None) -> str:
    """Write a comment, in the place of the one with the same first line; return what became of it, and its address.

    Args:
        job: on which forge, in which project.
        number: of the pull request.
        body: whose first line is a marker that no other comment has.
        variable: of the environment, with a token that may read and write comments; by default the forge's own.

    Raises:
        SettingsError: the environment does not say what is needed.
        ForgeError: the forge can't be reached, or refuses.
    """
    is_github = job.forge == "github"
    if not job.project:
        named = "GITHUB_REPOSITORY" if is_github else "CI_PROJECT_ID"
        raise SettingsError(f"the environment variable {named} does not say in which project pull request {number} is.")
    variable = variable or TOKEN_VARIABLES[job.forge]
    if not (token := read_token(variable)):
        raise SettingsError(f"the environment variable {variable} is not set. {_UNSET[job.forge]}")
    forge, project = _Forge(job, number, token), quote(job.project, safe="/%" if is_github else "%")
    thread = single = f"/projects/{project}/merge_requests/{number}/notes"
    if is_github:
        thread, single = f"/repos/{project}/issues/{number}/comments", f"/repos/{project}/issues/comments"
    marker, place = body.partition("\n")[0], f"pull request #{number}" if is_github else f"merge request !{number}"
    for comment in forge.own_comments(thread):
        text = str(comment.get("body", "")).replace("\r\n", "\n").strip()
        if text.partition("\n")[0].strip() == marker:
            if text == body.strip():
                return f"unchanged: {comment.get('html_url') or place}"
            method = "PATCH" if is_github else "PUT"
            there = forge.call(method, f"{single}/{comment['id']}", {"body": body})
            return f"updated: {there.get('html_url') or place}"
    return f"posted: {forge.call('POST', thread, {'body': body}).get('html_url') or place}"


class _Forge:
    """The API of a forge, for the comments of one pull request."""

    def __init__(self, job: CiJob, number: int, token: str) -> None:
        self._job, self._number, self._token = job, number, token
        self._is_github = job.forge == "github"
        self._headers = {"User-Agent": "steelyard", "Content-Type": "application/json", "PRIVATE-TOKEN": token}
        if self._is_github:
            del self._headers["PRIVATE-TOKEN"]
            self._headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
            self._headers["Authorization"] = f"Bearer {token}"

    def own_comments(self, thread: str) -> Iterator[dict[str, Any]]:
        """Those of the token's own user, from all pages; of an app's or a job's token, whose user GitHub does not tell,
        those of apps.
        """
        user: Any = None
        try:
            user = self.call("GET", "/user").get("id")
        except ForgeError as error:
            if not self._is_github or error.status not in (403, 404):
                raise
        for page in range(1, _MOST_PAGES + 1):
            comments = self.call("GET", f"{thread}?per_page={_PAGE}&page={page}")
            for comment in (each for each in comments if isinstance(each, dict)):
                author = comment.get("user") or comment.get("author") or {}
                is_own = author.get("type") == "Bot" if user is None else author.get("id") == user
                if is_own and not comment.get("system") and type(comment.get("id")) is int:
                    yield comment
            if len(comments) < _PAGE:
                return

    def call(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """The answer of the API: an object, or a list for a page. Raises ForgeError: the forge can't be reached, or
        refuses."""
        api = self._job.api
        request = urllib.request.Request(api + path, method=method, headers=self._headers)
        request.data = None if content is None else json.dumps(content).encode("ascii")
        try:
            with urllib.request.build_opener(NoRedirects).open(request, timeout=_TIMEOUT_S) as answer:
                document = json.loads(answer.read(_MOST_BYTES))
            if isinstance(document, list if "?" in path else dict):
                return document
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", None) or error)
            raise ForgeError(f"{api} can't be reached: {reason[:_LONGEST_REASON]}.") from None
        except (ValueError, RecursionError):
            pass
        raise ForgeError(f"{api} answered with something else than comments; is it the API's address?")

    def _refused(self, error: urllib.error.HTTPError) -> ForgeError:
        """The error that says why a forge said no, and what mends it."""
        reason = ""
        try:
            document = json.loads(error.read(_MOST_BYTES))
            reason = str(document.get("message") or document.get("error") or "").replace(self._token, "***")
        except (OSError, ValueError, AttributeError, RecursionError, http.client.HTTPException):
            pass
        kind, headers = "pull request" if self._is_github else "merge request", error.headers
        advice = {
            401: f"The token is not valid, or no longer: renew {TOKEN_VARIABLES[self._job.forge]}.",
            403: _REFUSED[self._job.forge],
            404: f"There is no {kind} {self._number} in {self._job.project}, or the token may not see it.",
        }.get(error.code, "")
        if error.code == 429 or headers.get("Retry-After") or headers.get("X-RateLimit-Remaining") == "0":
            advice = "Too many requests were made with this token."
        elif 300 <= error.code < 400:
            advice = "It points to another address, and a token is not sent elsewhere: name the new one."
        status = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".rstrip()
        status += f" ({reason[:_LONGEST_REASON]})" if reason else ""
        return ForgeError(f"{self._job.api} refused the comment: {status}. {advice}".rstrip(), error.code)


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the token along, wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """None: not followed."""
