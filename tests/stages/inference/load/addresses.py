"""Versions for the tests of a load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.config.versions import VersionSettings
from harness.models.version import load_version
from harness.stages.inference.serving import ServerAddress, serve


def address_at(base_url: str, model: str = "m", **settings: Any) -> ServerAddress:
    """The address of a version of this model."""
    options = {"base_url": base_url, "model": model, **settings.pop("engine_options", {})}
    version = VersionSettings("served", "openai", engine_options=options, **settings)
    with serve(load_version(version, Path.cwd()), Path.cwd()) as address:
        return address
