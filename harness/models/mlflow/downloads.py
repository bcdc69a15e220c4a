"""Looks a model up in MLflow's registry and downloads it; in the process of MLflow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.artifacts import get_or_build
from harness.errors import SettingsError
from harness.models.mlflow.worker import Login, asks_mlflow, load

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["find_weights", "load"]

_LARGEST_PAGE = 1000


@asks_mlflow
def find_weights(login: Login, asked: dict[str, Any]) -> dict[str, Any]:
    """Bring the weights of a registered model to this machine; give its place, or what is unknown of it."""
    from mlflow import MlflowClient

    client = MlflowClient(login.address, login.address)
    names = [model.name for model in client.search_registered_models(max_results=_LARGEST_PAGE)]
    if asked["name"] not in names:
        return {"unknown": "name", "known": names}
    quoted = asked["name"].replace("'", "''")
    found = {str(each.version): each for each in client.search_model_versions(f"name = '{quoted}'")}
    if asked["version"] not in found:
        return {"unknown": "version", "known": sorted(found, key=int)}
    version = found[asked["version"]]
    recipe = {**asked, "identity": [str(version.creation_timestamp), str(version.source)]}
    return {"folder": str(get_or_build("registry", recipe, lambda draft: _download(version, draft)).path)}


def _download(version: ModelVersion, folder: Path) -> Path:
    """Download a version; give the folder that holds what an engine can load, and of GGUF files one alone."""
    from mlflow.artifacts import download_artifacts

    address = f"models:/{version.name}/{version.version}"
    here = Path(download_artifacts(artifact_uri=address, dst_path=str(folder)))
    if (here / "peft").is_dir() or (here / "adapter_config.json").is_file():
        raise SettingsError(f"{address} is an adapter without its base model; log the merged model.")
    found = sorted(file.parent for file in here.rglob("config.json") if "components" not in file.parts)
    if not found:
        found = sorted(here.rglob("*.gguf"))
    if len(found) != 1:
        holds = "holds several models" if found else "holds neither a config.json nor a .gguf file"
        names = ", ".join(sorted(file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file())[:10])
        raise SettingsError(
            f"{address} {holds} ({names or 'nothing'}). Log a folder of weights as transformers saves them, or a model "
            "with mlflow.transformers.log_model and save_pretrained=True."
        )
    model = found[0]
    if model.is_file():
        return model.parent
    # MLflow keeps tokenizer and model in folders of their own; an engine looks for both in one.
    for part in sorted((here / "components").glob("*/*")):
        if part.is_file() and not (model / part.name).exists():
            shutil.copyfile(part, model / part.name)
    return model
