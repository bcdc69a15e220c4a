"""Known contents of earlier builds, by which stored samples are found where nothing may be built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.store.summaries import BuildRecipe


class KnownBuilds:
    """Builds by their recipes.

    Args:
        contents: what recipes gave before, on whatever machine.
        is_offline: whether nothing may be built, so that what is not here is taken as it is known.

    Attributes:
        noted: what recipes gave that were followed or found here.
    """

    def __init__(self, contents: Mapping[BuildRecipe, str] = MappingProxyType({}), *, is_offline: bool = False) -> None:
        self._contents = contents
        self.is_offline = is_offline
        self.noted: dict[BuildRecipe, str] = {}

    def content(self, kind: str, recipe: str) -> str | None:
        """Return the content that a recipe gave; None where it is unknown, or may be built."""
        return self._contents.get((kind, recipe)) if self.is_offline else None

    def note(self, kind: str, recipe: str, content: str) -> None:
        """Note what a recipe gave."""
        self.noted[kind, recipe] = content


_of_run: ContextVar[KnownBuilds | None] = ContextVar("known_builds", default=None)


def known_builds() -> KnownBuilds:
    """The builds that count now; outside a run none are known."""
    return _of_run.get() or KnownBuilds()


@contextmanager
def knowing(builds: KnownBuilds) -> Iterator[KnownBuilds]:
    """Have these builds count within."""
    token = _of_run.set(builds)
    try:
        yield builds
    finally:
        _of_run.reset(token)
