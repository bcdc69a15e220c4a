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
from harness.errors import ForgeError
from harness.reporting.shared.text import printable

_TIMEOUT_S = 30
_PAGE = 100
_MOST_PAGES = 100
_MOST_BYTES = 32 * 2**20
_MOST_SAID = 300


def post(job: CiJob, number: int, body: str, token: str) -> str:
    """Write a comment, in the place of the one with the same first line; return what became of it, and its address.

    Args:
        job: on which forge, in which project.
        number: of the pull request.
        body: whose first line is a marker that no other comment has.
        token: that may read and write comments; never shown.

    Raises:
        ForgeError: the forge can't be reached, or refuses.
    """
    project, forge = quote(job.project, safe="/%" if job.forge == "github" else "%"), _Forge(job, number, token)
    thread = single = f"/projects/{project}/merge_requests/{number}/notes"
    if job.forge == "github":
        thread, single = f"/repos/{project}/issues/{number}/comments", f"/repos/{project}/issues/comments"
    marker = body.partition("\n")[0]
    own = ((each, str(each.get("body", "")).replace("\r\n", "\n").strip()) for each in forge.own_comments(thread))
    there, text = next(((each, text) for each, text in own if text.partition("\n")[0].strip() == marker), (None, ""))
    if there is None:
        how, there = "posted", forge.call("POST", thread, {"body": body})
    elif text == body.strip():
        how = "unchanged"
    else:
        method = "PATCH" if job.forge == "github" else "PUT"
        how, there = "updated", forge.call(method, f"{single}/{there['id']}", {"body": body})
    address = there.get("html_url")
    place = f"pull request #{number}" if job.forge == "github" else f"merge request !{number}"
    return f"{how}: {printable(address, 200) if isinstance(address, str) else place}"


class _Forge:
    """The API of a forge, for the comments of one pull request."""

    def __init__(self, job: CiJob, number: int, token: str) -> None:
        self._job = job
        self._number = number
        self._token = token
        self._is_github = job.forge == "github"
        self._headers = {"User-Agent": "steelyard", "Content-Type": "application/json"}
        if self._is_github:
            self._headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        self._headers |= {"Authorization": f"Bearer {token}"} if self._is_github else {"PRIVATE-TOKEN": token}

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
        """The answer of the API: an object, or a list for a page.

        Raises:
            ForgeError: the forge can't be reached, or refuses.
        """
        request = urllib.request.Request(self._job.api + path, method=method, headers=self._headers)
        request.data = None if content is None else json.dumps(content).encode("ascii")
        try:
            with urllib.request.build_opener(NoRedirects).open(request, timeout=_TIMEOUT_S) as answer:
                found = json.loads(answer.read(_MOST_BYTES))
            if isinstance(found, list if "?" in path else dict):
                return found
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ForgeError(f"{self._job.api} can't be reached: {printable(str(reason), _MOST_SAID)}.") from None
        except (ValueError, RecursionError):
            pass
        raise ForgeError(f"{self._job.api} answered with something else than comments; is it the API's address?")

    def _refused(self, error: urllib.error.HTTPError) -> ForgeError:
        """Make the error that says why a forge said no, and what mends it."""
        said = ""
        try:
            document = json.loads(error.read(_MOST_BYTES))
            said = printable(str(document.get("message") or document.get("error") or ""), _MOST_SAID)
        except (OSError, ValueError, AttributeError, RecursionError, http.client.HTTPException):
            pass
        status = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".rstrip()
        status += f" ({said.replace(self._token, '***')})" if said else ""
        return ForgeError(f"{self._job.api} refused the comment: {status}. {self._advice(error)}".rstrip(), error.code)

    def _advice(self, error: urllib.error.HTTPError) -> str:
        kind, variable = "pull request" if self._is_github else "merge request", TOKEN_VARIABLES[self._job.forge]
        if error.code == 429 or error.headers.get("Retry-After") or error.headers.get("X-RateLimit-Remaining") == "0":
            return "Too many requests were made with this token."
        if error.code == 401:
            return f"The token is not valid, or no longer: renew {variable}."
        if error.code == 403 and self._is_github:
            return (
                "The token may not write comments: give the job `permissions: pull-requests: write`. A pull request "
                "from a fork has a token that only reads; its report is in the job's summary."
            )
        if error.code == 403:
            return f"The token may not write notes: {variable} needs the scope `api` and the role Reporter or higher."
        if error.code == 404:
            return f"There is no {kind} {self._number} in {self._job.project}, or the token may not see it."
        if 300 <= error.code < 400:
            return "It points to another address, and a token is not sent elsewhere: name the new one."
        return ""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the token along, wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """None: not followed."""
