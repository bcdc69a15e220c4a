"""The application gives out its pages and static files, and no description of itself."""

from __future__ import annotations

import pytest

from tests.review.web.conftest import Browser


def test_there_is_no_description_of_the_api(visitor: Browser) -> None:
    assert [visitor.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]


@pytest.mark.parametrize(
    "path", ["/static/../desk.py", "/static/%2e%2e/desk.py", "/static/..%2fdesk.py", "/static//etc/passwd"]
)
def test_only_the_static_files_are_given_out(visitor: Browser, path: str) -> None:
    assert visitor.get(path).status_code == 404
