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

OpenStore = Callable[..., Store]


def place_on(request: pytest.FixtureRequest) -> NewUrl:
    """Return what makes places for stores on the database that a test is parametrised with."""
    if request.param == "postgres":
        make: NewUrl = request.getfixturevalue("new_postgres_url")
        return make
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: str(folder / secrets.token_hex(4) / "store.db")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def new_url(request: pytest.FixtureRequest) -> NewUrl:
    """`new_url()`: a place for a store that does not exist yet, on either database."""
    return place_on(request)


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
