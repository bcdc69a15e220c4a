"""Weights from MLflow's model registry, `models:/NAME/VERSION`; in the process of MLflow, too.

A version is downloaded once. From then on it is a folder like any other: the fingerprint is by content. Where nothing
is to be drawn, it is what it was when it was looked up last.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.config import VersionSettings
from harness.config.addresses import without_credentials
from harness.config.artifacts import get_or_build, latest
from harness.errors import MlflowError, SettingsError, choices
from harness.models.mlflow.worker import Login, MlflowWorker, asks_mlflow, load, require_mlflow

__all__ = ["RegisteredModel", "check_registered", "downloaded", "find_weights", "load", "pinned"]

_ADDRESS = re.compile(r"models:/(?P<name>[^/@:]+)/(?P<version>[1-9]\d*)")
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version of a model in the registry."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


def check_registered(settings: VersionSettings) -> RegisteredModel:
    """Refuse an address that can't be looked up, without asking the registry; gives what it names."""
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
    return RegisteredModel(**match.groupdict())


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
    try:
        with MlflowWorker("harness.models.mlflow.registry", root) as worker:
            pinned_version = worker.ask_at(settings.registry, "find_weights", _recipe(settings.registry, asked))
    except MlflowError as error:
        hint = f" Version {asked.version} has not been downloaded to this machine, and only the registry has it."
        raise SettingsError(f"weights = '{asked}': {error}{hint if offline else ''}") from None
    return _placed(settings, Path(pinned_version["folder"])), asked


def downloaded(settings: VersionSettings) -> tuple[VersionSettings, RegisteredModel] | None:
    """Give what `pinned` gave when the version was looked up last; nobody is asked. None for one that never was."""
    match = _ADDRESS.fullmatch(settings.engine_options["weights"])
    if match is None or settings.registry is None:
        return None
    asked = RegisteredModel(**match.groupdict())
    made = latest("registry", _recipe(settings.registry, asked))
    return None if made is None else (_placed(settings, made.path), asked)


def _placed(settings: VersionSettings, folder: Path) -> VersionSettings:
    weights = folder if (folder / "config.json").is_file() else next(folder.glob("*.gguf"))
    return replace(settings, engine_options={**settings.engine_options, "weights": str(weights)})


def _recipe(registry: str, asked: RegisteredModel) -> dict[str, str]:
    """Return what a download is known by, where nobody can tell which version of that number it is."""
    return {"registry": without_credentials(registry), **asdict(asked)}


@asks_mlflow
def find_weights(login: Login, asked: dict[str, Any]) -> dict[str, Any]:
    """Bring the weights of a registered model to this machine, and give their place; in MLflow's process."""
    from mlflow import MlflowClient

    client, name = MlflowClient(login.address, login.address), asked["name"]
    names = [model.name for model in client.search_registered_models(max_results=_LARGEST_PAGE)]
    if name not in names:
        raise SettingsError(f"{login.shown}: {choices('model', name, names)}")
    quoted = name.replace("'", "''")
    versions = {str(each.version): each for each in client.search_model_versions(f"name = '{quoted}'")}
    if asked["version"] not in versions:
        raise SettingsError(f"{login.shown}: {choices('version', asked['version'], versions)}")
    version = versions[asked["version"]]
    recipe = {**asked, "identity": [str(version.creation_timestamp), str(version.source)]}
    address = f"models:/{name}/{version.version}"
    return {"folder": str(get_or_build("registry", recipe, lambda draft: _download(address, draft)).path)}


def _download(address: str, folder: Path) -> Path:
    """Download a version; give the folder that holds what an engine can load, and of GGUF files one alone."""
    from mlflow.artifacts import download_artifacts

    here = Path(download_artifacts(artifact_uri=address, dst_path=str(folder)))
    if (here / "peft").is_dir() or (here / "adapter_config.json").is_file():
        raise SettingsError(f"{address} is an adapter without its base model; log the merged model.")
    folders = sorted(file.parent for file in here.rglob("config.json") if "components" not in file.parts)
    folders = folders or sorted(here.rglob("*.gguf"))
    if len(folders) != 1:
        holds = "holds several models" if folders else "holds neither a config.json nor a .gguf file"
        names = ", ".join(sorted(file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file())[:10])
        raise SettingsError(
            f"{address} {holds} ({names or 'nothing'}). Log a folder of weights as transformers saves them, or a model "
            "with mlflow.transformers.log_model and save_pretrained=True."
        )
    model = folders[0]
    if model.is_file():
        return model.parent
    # MLflow keeps tokenizer and model in folders of their own; an engine looks for both in one.
    for part in sorted((here / "components").glob("*/*")):
        if part.is_file() and not (model / part.name).exists():
            shutil.copyfile(part, model / part.name)
    return model
