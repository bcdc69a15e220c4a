"""The desk at which every route works: the queue and its parts, and the cookies of sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request, Response
from jinja2 import Environment
from starlette.datastructures import FormData

from harness.errors import ReviewerError
from harness.records.review import Reviewer
from harness.review.queue import Queue
from harness.review.web.sessions import LIFETIME_S, Attempts, Holder, Sessions, Tickets
from harness.store.review.store import ReviewStore


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of one application.

    Attributes:
        review: the same queue as the store keeps it, for the labels that adjudicators are shown.
        cookie: name of the session's cookie; browsers share cookies between the ports of a host.
        needed: about how many more labels decide a batch, by its id.
        is_secure: whether reviewers come by https, so that cookies never go by http.
        pages: templates, which escape what is put into them.
    """

    queue: Queue
    review: ReviewStore
    sessions: Sessions
    tickets: Tickets
    attempts: Attempts
    needed: Mapping[str, int]
    cookie: str
    is_secure: bool
    pages: Environment

    def set_cookie(self, response: Response, name: str, value: str, max_age_s: float | None = None) -> None:
        """Give the browser a cookie that no script and no other site can use."""
        age = None if max_age_s is None else int(max_age_s)
        response.set_cookie(name, value, max_age=age, httponly=True, samesite="strict", secure=self.is_secure)

    def present(self, holder: Holder) -> Reviewer | None:
        """The reviewer as the store has it now; None where the token is not the one that it was."""
        admitted = self.review.admitted(holder.name)
        return None if admitted is None or admitted.stamp != holder.stamp else admitted.reviewer

    def begin_session(self, response: Response, holder: Holder) -> str:
        """Sign a reviewer in: a new session, whose cookie goes with the response."""
        session = self.sessions.begin(holder)
        self.set_cookie(response, self.cookie, session, LIFETIME_S)
        return session

    def ticket_for(self, name: str) -> str:
        """A token that signs a reviewer in once, for as long as the reviewer's own token is not changed.

        Raises:
            ReviewerError: there is no such reviewer, or one who is disabled.
        """
        return self.tickets.issue(self.holder(name))

    def holder(self, name: str) -> Holder:
        """The reviewer of a name with the present token, as sessions and tickets keep it.

        Raises:
            ReviewerError: there is no such reviewer, or one who is disabled.
        """
        admitted = self.review.admitted(name)
        if admitted is None:
            raise ReviewerError(f"The reviewer {name!r} is disabled, or there is none of that name.")
        return Holder(name, admitted.stamp)


def desk_of(request: Request) -> Desk:
    """The desk of the application that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


def field(form: FormData, name: str) -> str:
    """A field of a form as text; empty where it is missing or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
