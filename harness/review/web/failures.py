"""Says in words what went wrong: every refusal has a status, a code and a message, as JSON or as a page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from harness import errors
from harness.review.web.signing_in import CsrfError, SignedOutError, page, reviewer_of, sign_in_page

_REVIEW: dict[type[errors.ReviewError], tuple[int, str]] = {
    errors.UnknownItemError: (404, "unknown_item"),
    errors.ReviewerError: (403, "reviewer"),
    errors.LabelError: (422, "label"),
    errors.LeaseExpiredError: (409, "lease_expired"),
    errors.LeaseEndedError: (409, "lease_ended"),
    errors.LeaseError: (409, "lease"),
    errors.RepeatedKeyError: (409, "repeated_key"),
    errors.NothingToUndoError: (409, "nothing_to_undo"),
    errors.ReviewError: (400, "review"),
}

_HEADINGS = {404: "There is no such page", 403: "You may not do that", 503: "The store has trouble"}


_CSRF = "The page that sent this is too old, or not of this server; nothing was stored. Reload it and try again."


def install(app: FastAPI) -> None:
    """Let every exception that is expected end in a response that says what to do."""
    app.add_exception_handler(errors.ReviewError, _on_review_error)
    app.add_exception_handler(errors.StoreError, _on_store_error)
    app.add_exception_handler(SignedOutError, _on_signed_out)
    app.add_exception_handler(CsrfError, _refusing(403, "csrf", lambda _: _CSRF))
    app.add_exception_handler(RequestValidationError, _refusing(422, "bad_request", _in_words))
    app.add_exception_handler(HTTPException, _on_http)


def _on_review_error(request: Request, error: Exception) -> Response:
    status, code = next(found for kind, found in _REVIEW.items() if isinstance(error, kind))
    return _refuse(request, status, code, str(error))


def _on_store_error(request: Request, error: Exception) -> Response:
    return _refuse(request, 503, "store", f"{error} Nothing was stored.")


def _on_signed_out(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return _refuse(request, 401, "signed_out", "You are not signed in, or not any more. Nothing was stored.")
    return RedirectResponse("/sign-in", 303)


def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 400:  # a body that FastAPI can't parse, for another reason than its syntax
        told = "The request can't be understood: it is no JSON in UTF-8. Nothing was stored."
        return _refuse(request, status, "bad_request", told)
    message = f"{request.method} {request.url.path[:200]} leads nowhere."
    return _refuse(request, status, "not_found" if status == 404 else "http", message)


def _refusing(status: int, code: str, words: Callable[[Exception], str]) -> Callable[[Request, Exception], Response]:
    return lambda request, error: _refuse(request, status, code, words(error))


def _in_words(error: Exception) -> str:
    """Say which fields are wrong, and how, in pydantic's words."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    problems = dict.fromkeys(f"{'.'.join(map(str, each['loc'][1:])) or 'its body'}: {each['msg']}" for each in found)
    return f"The request can't be understood: {'; '.join(list(problems)[:5])}. Nothing was stored."


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _refuse(request: Request, status: int, code: str, message: str) -> Response:
    if _wants_json(request):
        return JSONResponse({"error": code, "message": message.encode("utf-8", "replace").decode()}, status)
    if request.url.path == "/sign-in":
        return sign_in_page(request, message, status)
    reviewer = None
    with suppress(SignedOutError, errors.SteelyardError):  # the page is shown without a way on where the store is away
        reviewer = reviewer_of(request)
    heading = _HEADINGS.get(status, "That did not work")
    response = page(request, "message.html", heading=heading, message=message, reviewer=reviewer)
    response.status_code = status
    return response
