"""Looks a model up in MLflow's registry and downloads it; in the process of MLflow."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.files import replacing
from harness.errors import SettingsError
from harness.models.files.content_hash import files_hash, text_hash
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
    return {"place": _kept(found[asked["version"]], Path(asked["weights"]), Path(asked["note"]))}


def _kept(version: ModelVersion, weights: Path, note: Path) -> str:
    """The place of the weights: downloaded once for each version of the registry, kept once for each content."""
    from filelock import FileLock

    identity = [str(version.creation_timestamp), str(version.source)]
    note.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{note}.lock"):
        if note.is_file():
            kept = json.loads(note.read_text(encoding="utf-8"))
            if kept["identity"] == identity and Path(kept["place"]).exists():
                return str(kept["place"])
        draft = weights / f"registry-{uuid.uuid4().hex}.draft"
        draft.mkdir(parents=True)
        try:
            place = str(_moved(_downloaded(version, draft), weights))
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        with replacing(note) as written:
            written.write_text(json.dumps({"identity": identity, "place": place}), encoding="utf-8")
        return place


def _downloaded(version: ModelVersion, folder: Path) -> Path:
    """The folder, or the one GGUF file, that an engine can load."""
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
    _complete(found[0], here)
    return found[0]


def _complete(model: Path, here: Path) -> None:
    """MLflow keeps tokenizer and model in folders of their own; an engine looks for both in one."""
    if model.is_dir():
        for part in sorted((here / "components").glob("*/*")):
            if part.is_file() and not (model / part.name).exists():
                shutil.copyfile(part, model / part.name)


def _moved(model: Path, weights: Path) -> Path:
    """The model under its content's identity, where it stays."""
    folder = model if model.is_dir() else model.parent
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    place = weights / text_hash("registry", files_hash(folder, names if model.is_dir() else [model.name]))
    if not model.is_dir():
        place.mkdir(exist_ok=True)
        return model.replace(place / model.name)
    try:
        model.replace(place)
    except OSError:
        if not place.exists():  # else the same was kept before, or by another process just now
            raise
    return place
