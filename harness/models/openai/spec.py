"""Declares the engine `openai`, and what every engine that is reached over OpenAI's API shares with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.config import VersionSettings, secret, setting_checks
from harness.models.engine import Engine
from harness.models.spec import EngineSpec

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "base_url": setting_checks.web_address,
        "model": setting_checks.text,
        "api_key_env": setting_checks.variable,
        "requests_per_minute": partial(setting_checks.number, low=0.001),
        "timeout_s": partial(setting_checks.number, low=0.001),
    }
)
"""The settings of an endpoint, each with its check."""

REQUIRED = ("base_url", "model")
INSIGNIFICANT = frozenset({"api_key_env", "requests_per_minute", "timeout_s"})
"""Settings of how it is asked; what it answers does not depend on them."""


def api_key(settings: VersionSettings) -> str | None:
    """The key of an endpoint, from the variable that its version names; None where it names none."""
    variable = settings.engine_options.get("api_key_env")
    return None if variable is None else secret(variable, wanted_by=f"version {settings.name!r}")


def check(settings: VersionSettings, root: Path) -> None:
    """Refuse an endpoint whose key is not in the environment."""
    api_key(settings)


def create(settings: VersionSettings, root: Path, *, counts_seeds: bool = False) -> Engine:
    """The engine for an endpoint; `counts_seeds` says that choice i of a seeded request is drawn with seed + i."""
    from harness.models.openai.engine import OpenAIEngine

    options = settings.engine_options
    return OpenAIEngine(settings.engine_name, options, api_key=api_key(settings), counts_seeds=counts_seeds)


def identity(settings: VersionSettings, root: Path) -> dict[str, Any]:
    """The address and the model, whichever way the address ends."""
    options = {name: value for name, value in settings.engine_options.items() if name not in INSIGNIFICANT}
    return {"options": {**options, "base_url": options["base_url"].rstrip("/")}}


def source(options: Mapping[str, Any]) -> str:
    """The model and where it is."""
    return f"{options['model']} at {options['base_url']}"


OPENAI = EngineSpec(
    summary="any endpoint that speaks OpenAI's HTTP API",
    settings=SETTINGS,
    create=create,
    required=lambda options: REQUIRED,
    is_endpoint=lambda options: True,
    check=check,
    identity=identity,
    insignificant=INSIGNIFICANT,
    not_noted=INSIGNIFICANT,
    source=source,
    distributions=("aiohttp",),
)
