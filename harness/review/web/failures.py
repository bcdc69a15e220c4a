"""Says in words what went wrong: every refusal has a status, a code and a message, as JSON or as a page."""

from __future__ import annotations

from contextlib import suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from harness import errors
from harness.review.queue import sendable
from harness.review.web.desk import CsrfError, SignedOutError, page, reviewer_of, sign_in_page

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    errors.UnknownItemError: (404, "unknown_item"),
    errors.ReviewerError: (403, "reviewer"),
    errors.LabelError: (422, "label"),
    errors.LeaseExpiredError: (409, "lease_expired"),
    errors.LeaseEndedError: (409, "lease_ended"),
    errors.LeaseError: (409, "lease"),
    errors.RepeatedKeyError: (409, "repeated_key"),
    errors.NothingToUndoError: (409, "nothing_to_undo"),
    errors.ReviewError: (400, "review"),
    errors.StoreError: (503, "store"),
    SignedOutError: (401, "signed_out"),
    CsrfError: (403, "csrf"),
    RequestValidationError: (422, "bad_request"),
}
_HEADINGS = {404: "There is no such page", 403: "You may not do that", 503: "The store has trouble"}


def install(app: FastAPI) -> None:
    """Let every exception that is expected end in a response that says what to do."""
    for kind in (errors.ReviewError, errors.StoreError, SignedOutError, CsrfError, RequestValidationError):
        app.add_exception_handler(kind, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http)


def _on_refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, SignedOutError) and not _wants_json(request):
        return RedirectResponse("/sign-in", 303)
    status, code = next(refusal for kind, refusal in _REFUSALS.items() if isinstance(error, kind))
    message = f"{error} Nothing was stored." if isinstance(error, errors.StoreError) else str(error)
    if isinstance(error, RequestValidationError):
        places = [(".".join(map(str, each["loc"][1:])) or "its body", each["msg"]) for each in error.errors()]
        problems = list(dict.fromkeys(f"{place}: {problem}" for place, problem in places))
        message = f"The request can't be understood: {'; '.join(problems[:5])}. Nothing was stored."
    return _refuse(request, status, code, message)


def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 400:  # a body that FastAPI can't parse, for another reason than its syntax
        message = "The request can't be understood: it is no JSON in UTF-8. Nothing was stored."
        return _refuse(request, status, "bad_request", message)
    if status == 413:
        return _refuse(request, status, "too_large", "The request is too large. Nothing was stored.")
    message = f"{request.method} {request.url.path[:200]} leads nowhere."
    return _refuse(request, status, "not_found" if status == 404 else "http", message)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _refuse(request: Request, status: int, code: str, message: str) -> Response:
    if _wants_json(request):
        return JSONResponse({"error": code, "message": sendable(message)}, status)
    if request.url.path == "/sign-in":
        return sign_in_page(request, message, status)
    reviewer = None
    with suppress(SignedOutError, errors.SteelyardError):  # the page is shown without a way on where the store is away
        reviewer = reviewer_of(request)
    heading = _HEADINGS.get(status, "That did not work")
    return page(request, "message.html", status, heading=heading, message=message, reviewer=reviewer)
