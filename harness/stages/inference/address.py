"""Addresses of servers, with what it takes to ask a version there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from harness.config.versions import VersionSettings
from harness.models.spec import engine_spec
from harness.models.version import Version


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server that speaks OpenAI's HTTP API, and the version that it serves.

    Attributes:
        version: what is asked of it; it renders prompts with the version's template, system text and sampling.
        base_url: with the version of the API, such as "http://127.0.0.1:8000/v1".
        model: the name under which the server knows it.
        api_key: sent as a bearer token; None for a server without one.
        pid: of its keeper's process, where this run started it. keeper: what the keeper is told by.
    """

    version: Version = field(repr=False)
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    pid: int | None = None
    keeper: IO[bytes] | None = field(default=None, repr=False)

    @property
    def root_url(self) -> str:
        """The address without the version of the API: there a server has its /metrics."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    @property
    def headers(self) -> dict[str, str]:
        """The header of a request that holds the key."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it stand still until the context ends, if this run started it."""
        from harness.stages.inference.keeper import GO_ON, STAND_STILL

        self._tell(STAND_STILL)
        try:
            yield
        finally:
            self._tell(GO_ON)

    def _tell(self, word: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended, which whoever asks it is told
            if self.keeper is not None:
                self.keeper.write(word)


def has_address(settings: VersionSettings) -> bool:
    """True where a server answers for a version already; else it must be served first."""
    options = settings.engine_options
    return "base_url" in options and engine_spec(settings.engine).is_endpoint(options)


def takes_load(settings: VersionSettings) -> bool:
    """True for a version that load can be put on: it has an address, or weights and an engine that serves them here."""
    has_server = engine_spec(settings.engine).server is not None
    return has_address(settings) or (has_server and "weights" in settings.engine_options)
