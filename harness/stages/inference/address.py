"""Addresses of servers, with what it takes to ask a version there."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.config.versions import VersionSettings
from harness.errors import UsageError
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
        pid: of the server's process, where this run started it.
    """

    version: Version = field(repr=False)
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    pid: int | None = None

    @property
    def root_url(self) -> str:
        """The address without the version of the API: there a server has its /metrics."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    @property
    def headers(self) -> dict[str, str]:
        """The header of a request that holds the key."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}


def has_address(settings: VersionSettings) -> bool:
    """True where a server answers for a version already; else it must be served first."""
    options = settings.engine_options
    return "base_url" in options and engine_spec(settings.engine).is_endpoint(options)


def takes_load(settings: VersionSettings) -> bool:
    """True for a version that load can be put on: it has an address, or weights and an engine that serves them here."""
    is_served = engine_spec(settings.engine).is_served and "weights" in settings.engine_options
    return has_address(settings) or is_served


def check_load(settings: VersionSettings) -> None:
    """Refuse a version that load can't be put on, before anything that it is made of is built.

    Raises:
        UsageError: with what to give it.
    """
    if not takes_load(settings):
        raise UsageError(
            f"Version {settings.name!r} has the engine {settings.engine!r} and no address to send load to. "
            'Give it base_url and model (engine = "openai"), or weights and engine = "vllm", which is then served here.'
        )


def address_of(version: Version) -> ServerAddress:
    """Return the address of a version that is served already.

    Raises:
        SettingsError: its API key is not in the environment.
    """
    from harness.models.engines import api_key

    options = version.settings.engine_options
    base_url = str(options["base_url"]).rstrip("/")
    return ServerAddress(version, base_url, str(options["model"]), api_key(version.settings))
