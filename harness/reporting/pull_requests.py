"""A comment on a pull request of GitHub or a merge request of GitLab: found by its first line and replaced, or added.

Only comments of the token's own user are replaced: whoever writes the first line by hand gets no verdict into it.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from harness.config.repository.ci import TOKEN_VARIABLES, CiJob
from harness.errors import ForgeError
from harness.reporting.shared.text import printable

_TIMEOUT_S = 30
_PAGE = 100
_MOST_PAGES = 100
_MOST_BYTES = 32 * 2**20
_MOST_SAID = 300
_REDIRECTS = (301, 302, 307, 308)


@dataclass(frozen=True, slots=True)
class PostedComment:
    """A comment that was sent to a forge, and what became of it.

    Attributes:
        how: "posted" anew, "updated" in its place, or "unchanged".
        place: its address, or whose it is where the forge names no address.
    """

    how: Literal["posted", "updated", "unchanged"]
    place: str


def post(job: CiJob, number: int, body: str, token: str) -> PostedComment:
    """Write a comment, in the place of the one with the same first line.

    Args:
        job: on which forge, in which project.
        number: of the pull request.
        body: whose first line is a marker that no other comment has.
        token: that may read and write comments; never shown.

    Raises:
        ForgeError: the forge can't be reached, or refuses.
    """
    thread = _Thread(job, number, token)
    marker = body.partition("\n")[0]
    found = next((each for each in thread.own_comments() if _first_line(each) == marker), None)
    if found is None:
        return PostedComment("posted", thread.place_of(thread.add(body)))
    if str(found.get("body", "")).replace("\r\n", "\n").strip() == body.strip():
        return PostedComment("unchanged", thread.place_of(found))
    return PostedComment("updated", thread.place_of(thread.replace(found, body)))


class _Thread:
    """The comments of one pull request."""

    def __init__(self, job: CiJob, number: int, token: str) -> None:
        self._job = job
        self._number = number
        self._token = token
        self._is_github = job.forge == "github"
        project = quote(job.project, safe="/%" if self._is_github else "%")
        if self._is_github:
            self._comments = f"/repos/{project}/issues/{number}/comments"
            self._comment = f"/repos/{project}/issues/comments"
        else:
            self._comments = self._comment = f"/projects/{project}/merge_requests/{number}/notes"

    def own_comments(self) -> Iterator[Mapping[str, Any]]:
        """Those of the token's own user, from all pages."""
        user = self._user()
        for page in range(1, _MOST_PAGES + 1):
            comments = self._call("GET", f"{self._comments}?per_page={_PAGE}&page={page}")
            if not isinstance(comments, list):
                raise ForgeError(
                    f"{self._job.api} answered with something else than comments; is it the API's address?"
                )
            for comment in comments:
                if isinstance(comment, dict) and type(comment.get("id")) is int and _is_of(comment, user):
                    yield comment
            if len(comments) < _PAGE:
                return

    def add(self, body: str) -> Any:
        """Write a new comment."""
        return self._call("POST", self._comments, {"body": body})

    def replace(self, comment: Mapping[str, Any], body: str) -> Any:
        """Write another text into a comment."""
        method = "PATCH" if self._is_github else "PUT"
        return self._call(method, f"{self._comment}/{comment['id']}", {"body": body})

    def place_of(self, comment: Any) -> str:
        """The address of a comment."""
        address = comment.get("html_url") if isinstance(comment, dict) else None
        kind = "pull request #" if self._is_github else "merge request !"
        return printable(address, 200) if isinstance(address, str) else f"{kind}{self._number}"

    def _user(self) -> int | None:
        """The number of the token's user; None for the token of an app or a job, which GitHub does not tell."""
        try:
            user = self._call("GET", "/user")
        except ForgeError as error:
            if self._is_github and error.status in (403, 404):
                return None
            raise
        return user.get("id") if isinstance(user, dict) else None

    def _call(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self._job.api + path, method=method, headers=self._headers())
        request.data = None if content is None else json.dumps(content).encode("ascii")
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_S) as answer:
                return json.loads(answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ForgeError(f"{self._job.api} can't be reached: {printable(str(reason), _MOST_SAID)}.") from None
        except (ValueError, RecursionError):
            raise ForgeError(
                f"{self._job.api} answered with something else than JSON; is it the API's address?"
            ) from None

    def _headers(self) -> dict[str, str]:
        own = {"User-Agent": "steelyard", "Content-Type": "application/json"}
        if not self._is_github:
            return {**own, "PRIVATE-TOKEN": self._token}
        version = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return {**own, **version, "Authorization": f"Bearer {self._token}"}

    def _refused(self, error: urllib.error.HTTPError) -> ForgeError:
        """Make the error that says why a forge said no, and what mends it."""
        said = _said(error).replace(self._token, "***")
        status = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".rstrip()
        text = f"{self._job.api} refused the comment: {status}{f' ({said})' if said else ''}. {self._advice(error)}"
        return ForgeError(text.rstrip(), error.code)

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
        if error.code in _REDIRECTS:
            return "It points to another address, and a token is not sent elsewhere: name the new one."
        return ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the token along, wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """None: not followed."""


def _first_line(comment: Mapping[str, Any]) -> str:
    return str(comment.get("body", "")).partition("\n")[0].strip()


def _is_of(comment: Mapping[str, Any], user: int | None) -> bool:
    """Tell whether this user wrote a comment; for None, whether an app did."""
    author = comment.get("user") or comment.get("author")
    if not isinstance(author, dict) or comment.get("system"):
        return False
    return author.get("type") == "Bot" if user is None else author.get("id") == user


def _said(error: urllib.error.HTTPError) -> str:
    """The message in a refusal, for a reader."""
    try:
        document = json.loads(error.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return ""
    message = document.get("message") or document.get("error") if isinstance(document, dict) else None
    return "" if message is None else printable(str(message), _MOST_SAID)
