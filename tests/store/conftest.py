"""Stores on either database."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.store import Store
from tests.store.drawn import at, filled
from tests.store.postgres import NewUrl

__all__ = ["at", "filled"]

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
OpenStore = Callable[..., Store]


@pytest.fixture(params=DATABASES)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """`new_url()`: a place for a store that does not exist yet, on either database."""
    if request.param == "postgres":
        make: NewUrl = request.getfixturevalue("new_postgres_url")
        return make
    return lambda: str(tmp_path / secrets.token_hex(4) / "store.db")


@pytest.fixture
def url(new_url: NewUrl) -> str:
    """The place of one store on either database."""
    return new_url()


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """`open_store(url, readonly=False)`, closed after the test."""
    with ExitStack() as stack:
        yield lambda url, **options: stack.enter_context(Store.open(url, **options))


@pytest.fixture
def store(url: str, open_store: OpenStore) -> Store:
    """An empty store on either database."""
    return open_store(url)
