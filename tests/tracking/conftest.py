"""Fixtures of the tests of what is logged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import Store
from tests.tracking.logged import found, found_at

__all__ = ["found", "found_at"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened
