"""Weights from MLflow's model registry: `models:/NAME/VERSION` and `models:/NAME@ALIAS`.

What an address names is looked up once for a run, so that an alias that moves meanwhile does not matter, and downloaded
once. From then on it is a folder like any other: the fingerprint is by content.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.config import VersionSettings, cache_dir
from harness.config.addresses import without_credentials
from harness.errors import MlflowError, SettingsError
from harness.models.mlflow.process import MlflowProcess, require_mlflow

_ADDRESS = re.compile(r"models:/(?P<name>[^/@:]+)(?:/(?P<version>[1-9]\d*)|@(?P<alias>[\w-]+))")
_CHILD = "harness.models.mlflow.downloads"
_ALIAS_S = 60.0
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a model in the registry."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


def check_registered(settings: VersionSettings) -> Mapping[str, str | None]:
    """Refuse an address that can't be looked up, without asking the registry; gives its parts.

    Raises:
        SettingsError: it has neither form, MLflow is not installed, or nothing says where the registry is.
    """
    weights = settings.engine_options["weights"]
    match = _ADDRESS.fullmatch(weights)
    if match is None:
        raise SettingsError(
            f"weights = {weights!r} names no model of the registry; write models:/NAME/3 for a version, or "
            "models:/NAME@champion for an alias."
        )
    require_mlflow(f"weights = {weights!r}")
    if settings.registry is None:
        raise SettingsError(
            f"weights = {weights!r}: which registry has it? Write mlflow = "
            '"http://HOST:PORT" into [tool.steelyard], or set MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI.'
        )
    return match.groupdict()


def pinned(settings: VersionSettings, root: Path) -> tuple[VersionSettings, Registered]:
    """The settings with the folder that the registry's model was downloaded to as `weights`, and which it is.

    Raises:
        SettingsError: there is no such model, version or alias (the message lists those that there are, the nearest
            first), it holds no weights, or the registry can't be asked.
    """
    asked = check_registered(settings)
    assert settings.registry is not None
    weights = settings.engine_options["weights"]
    question = {**asked, "cache": str(cache_dir())}
    try:
        with MlflowProcess(_CHILD, root) as process:
            found = process.ask(settings.registry, question)
    except MlflowError as error:
        raise SettingsError(f"weights = {weights!r}: {error}") from None
    if "unknown" in found:
        raise SettingsError(_unknown(found, asked, weights, without_credentials(settings.registry)))
    options = {**settings.engine_options, "weights": found["path"]}
    return replace(settings, engine_options=options), Registered(found["name"], found["version"])


def set_alias(registry: str, registered: Registered, alias: str, tags: Mapping[str, str], root: Path) -> None:
    """Give a registered version an alias, which another may have had before, and tags that say why.

    Raises:
        MlflowError: the registry can't be asked, or refused.
    """
    question = {"name": registered.name, "version": registered.version, "set_alias": alias, "tags": dict(tags)}
    with MlflowProcess(_CHILD, root) as process:
        process.ask(registry, question, _ALIAS_S)


def _unknown(found: Mapping[str, Any], asked: Mapping[str, str | None], weights: str, registry: str) -> str:
    """What the registry has instead of what was asked for."""
    kind, known = found["unknown"], found["known"]
    named = asked[kind] or ""
    there = f"The registry {registry}" if kind == "name" else f"{asked['name']!r}"
    if not known:
        first = f" To give it the first: pytest … --baseline none --promote {named}." if kind == "alias" else ""
        return f"weights = {weights!r}: {there} has no {_PLURALS[kind]}.{first}"
    return (
        f"weights = {weights!r}: {there} has no {_SINGULARS[kind]} {named!r}. "
        f"{_PLURALS[kind].capitalize()}: {_listed(nearest_first(named, known))}."
    )


_SINGULARS = {"name": "model", "version": "version", "alias": "alias"}
_PLURALS = {"name": "models", "version": "versions", "alias": "aliases"}


def nearest_first(text: str, known: Sequence[str]) -> list[str]:
    """The known names, those most like `text` first; numbers by how near they are.

    >>> nearest_first("champoin", ["challenger", "champion", "old"])
    ['champion', 'challenger', 'old']
    >>> nearest_first("7", ["1", "10", "8"])
    ['8', '10', '1']
    """
    if text.isdecimal() and all(name.isdecimal() for name in known):
        return sorted(known, key=lambda name: (abs(int(name) - int(text)), -int(name)))
    return sorted(known, key=lambda name: (-difflib.SequenceMatcher(None, text, name).ratio(), name))


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
