"""Weights from MLflow's model registry: `models:/NAME/VERSION`.

A version is downloaded once. From then on it is a folder like any other: the fingerprint is by content. Where nothing
is to be drawn, it is what it was when it was looked up last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config import VersionSettings
from harness.config.addresses import without_credentials
from harness.config.artifacts import latest
from harness.errors import MlflowError, SettingsError, choices
from harness.models.mlflow.worker import MlflowWorker, require_mlflow

_ADDRESS = re.compile(r"models:/(?P<name>[^/@:]+)/(?P<version>[1-9]\d*)")


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version of a model in the registry."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


def check_registered(settings: VersionSettings) -> dict[str, str]:
    """Refuse an address that can't be looked up, without asking the registry; gives its parts."""
    weights = settings.engine_options["weights"]
    match = _ADDRESS.fullmatch(weights)
    if match is None:
        raise SettingsError(f"weights = {weights!r} names no version of a model of the registry; write models:/NAME/3.")
    require_mlflow(f"weights = {weights!r}")
    if settings.registry is None:
        raise SettingsError(
            f"weights = {weights!r}: which registry has it? Write mlflow = "
            '"http://HOST:PORT" into [tool.steelyard], or set MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI.'
        )
    return match.groupdict()


def pinned(settings: VersionSettings, root: Path, *, offline: bool = False) -> tuple[VersionSettings, RegisteredModel]:
    """The settings with the folder that the registry's model was downloaded to as `weights`, and which it is.

    Args:
        offline: take a version that was downloaded before without asking the registry.

    Raises:
        SettingsError: there is no such model or version (the message lists those that there are),
            it holds no weights, or the registry can't be asked.
    """
    asked = check_registered(settings)
    assert settings.registry is not None
    if offline and (here := downloaded(settings)) is not None:
        return here
    given = f"weights = {settings.engine_options['weights']!r}"
    try:
        with MlflowWorker("harness.models.mlflow.downloads", root) as worker:
            found = worker.ask_at(settings.registry, "find_weights", _recipe(settings.registry, asked))
    except MlflowError as error:
        hint = f" Version {asked['version']} has not been downloaded to this machine, and only the registry has it."
        raise SettingsError(f"{given}: {error}{hint if offline else ''}") from None
    if "unknown" in found:
        what = "model" if found["unknown"] == "name" else "version"
        place = without_credentials(settings.registry)
        raise SettingsError(f"{given}, {place}: {choices(what, asked[found['unknown']], found['known'])}")
    return _placed(settings, Path(found["folder"])), RegisteredModel(**asked)


def downloaded(settings: VersionSettings) -> tuple[VersionSettings, RegisteredModel] | None:
    """Give what `pinned` gave when the version was looked up last; nobody is asked. None for one that never was."""
    match = _ADDRESS.fullmatch(settings.engine_options["weights"])
    if match is None or settings.registry is None:
        return None
    made = latest("registry", _recipe(settings.registry, match.groupdict()))
    return None if made is None else (_placed(settings, made.path), RegisteredModel(**match.groupdict()))


def _placed(settings: VersionSettings, folder: Path) -> VersionSettings:
    is_whole = (folder / "config.json").is_file()
    weights = folder if is_whole else next(folder.glob("*.gguf"))
    return replace(settings, engine_options={**settings.engine_options, "weights": str(weights)})


def _recipe(registry: str, asked: Mapping[str, str]) -> dict[str, str]:
    """What a download is known by, where nobody can tell which version of that number it is."""
    return {"registry": without_credentials(registry), **asked}
