"""Weights from MLflow's registry are a folder like any other, downloaded once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.config.artifacts import get_or_build
from harness.errors import SettingsError
from harness.models.engine_creation import check_version
from harness.models.mlflow.registry import check_registered, downloaded
from harness.models.version import Version, fingerprint_here, load_version
from tests.tracking.registering import register
from tests.tracking.servers import MlflowServer

pytestmark = pytest.mark.nightly


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def settings(weights: str, registry: str | None = None, **options: Any) -> VersionSettings:
    return VersionSettings("it", "transformers", engine_options={"weights": weights, **options}, registry=registry)


def loaded(weights: str, registry: str | None, folder: Path) -> Version:
    return load_version(settings(weights, registry), folder)


def refused(weights: str, registry: str | None, folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(weights, registry, folder)
    return str(caught.value)


def test_a_version_is_the_content_that_was_registered(
    database: str, tiny_llama: Path, tmp_path: Path, cache: Path
) -> None:
    own = Path(shutil.copytree(tiny_llama, tmp_path / "own"))
    assert register(database, "tiny", own) == "1"
    plain, first = loaded(str(own), None, tmp_path), loaded("models:/tiny/1", database, tmp_path)
    assert first.fingerprint == plain.fingerprint
    assert (str(first.registered), plain.registered) == ("models:/tiny/1", None)
    assert first.settings.engine_options["weights"].startswith(str(cache / "registry"))

    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**config, "rope_theta": 9000.0}))
    assert register(database, "tiny", own) == "2"
    second = loaded("models:/tiny/2", database, tmp_path)
    assert second.fingerprint == loaded(str(own), None, tmp_path).fingerprint != first.fingerprint

    shutil.rmtree(tmp_path / "tracked" / "mlruns")
    assert loaded("models:/tiny/1", database, tmp_path).fingerprint == first.fingerprint
    shutil.rmtree(cache)
    assert refused("models:/tiny/1", database, tmp_path).startswith("weights = 'models:/tiny/1': models:/tiny/1 holds ")


def test_offline_a_version_that_was_downloaded_needs_no_registry(
    database: str, tiny_llama: Path, tmp_path: Path, cache: Path, free_port: int
) -> None:
    register(database, "tiny", tiny_llama)
    assert fingerprint_here(settings("models:/tiny/1", database), tmp_path) is None
    asked = loaded("models:/tiny/1", database, tmp_path)
    shutil.rmtree(tmp_path / "tracked")
    here = load_version(settings("models:/tiny/1", database), tmp_path, offline=True)
    assert (here.fingerprint, str(here.registered)) == (asked.fingerprint, "models:/tiny/1")
    assert fingerprint_here(settings("models:/tiny/1", database), tmp_path) == asked.fingerprint
    nobody = f"http://127.0.0.1:{free_port}"
    with pytest.raises(SettingsError, match=f"at {nobody}. Version 1 has not been downloaded to this machine"):
        load_version(settings("models:/tiny/1", nobody), tmp_path, offline=True)
    shutil.rmtree(cache)
    assert fingerprint_here(settings("models:/tiny/1", database), tmp_path) is None


def test_what_there_is_instead_is_listed(database: str, tiny_llama: Path, tmp_path: Path) -> None:
    register(database, "tiny-llama", tiny_llama)
    register(database, "other", tiny_llama)
    assert refused("models:/tiny-lama/1", database, tmp_path) == (
        f"weights = 'models:/tiny-lama/1': {database}: No model named 'tiny-lama'. Models: other, tiny-llama. "
        "Did you mean 'tiny-llama'?"
    )
    assert refused("models:/tiny-llama/7", database, tmp_path) == (
        f"weights = 'models:/tiny-llama/7': {database}: No version named '7'. Versions: 1."
    )


def test_a_model_logged_by_mlflow_is_one_folder_with_its_tokenizer(
    mlflow_server: MlflowServer, tiny_llama: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    version = register(mlflow_server.address, "flavoured", tiny_llama, "transformers")
    found = loaded(f"models:/flavoured/{version}", mlflow_server.address, tmp_path)
    folder = found.settings.engine_options["weights"]
    assert AutoModelForCausalLM.from_pretrained(folder).config.hidden_size == 128
    theirs, ours = AutoTokenizer.from_pretrained(folder), AutoTokenizer.from_pretrained(tiny_llama)
    assert theirs("abc")["input_ids"] == ours("abc")["input_ids"]
    assert theirs.chat_template == ours.chat_template


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"notes.txt": "none"}, r"holds neither a config.json nor a .gguf file \(notes.txt\)\. Log a folder"),
        ({"a/config.json": "{}", "b/config.json": "{}"}, "holds several models"),
        ({"adapter_config.json": "{}"}, "is an adapter without its base model; log the merged model"),
    ],
)
def test_a_model_without_weights_of_its_own_is_refused(
    database: str, tmp_path: Path, files: Mapping[str, str], said: str
) -> None:
    folder = tmp_path / "odd"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    register(database, "odd", folder)
    with pytest.raises(SettingsError, match=said):
        loaded("models:/odd/1", database, tmp_path)


def test_a_registry_that_can_not_be_asked_is_named_without_its_password(tmp_path: Path, free_port: int) -> None:
    registry = f"http://ann:s3cret@127.0.0.1:{free_port}"
    shown = registry.replace("ann:s3cret", "***")
    assert refused("models:/tiny/1", registry, tmp_path) == f"weights = 'models:/tiny/1': Nothing listens at {shown}."


@pytest.mark.parametrize(
    "weights",
    ["models:/tiny", "models:/tiny/", "models:/tiny/latest", "models:/tiny/0", "models:/a/b/1", "models:/t@x"],
)
def test_the_forms_of_an_address_are_said(weights: str) -> None:
    with pytest.raises(SettingsError, match=r"write models:/NAME/3\."):
        check_registered(settings(weights, "http://host"))


def test_a_registry_that_nothing_names_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="which registry has it"):
        check_version(settings("models:/tiny/1"), tmp_path)


@pytest.mark.parametrize("file", ["config.json", "tiny.gguf"])
def test_what_was_downloaded_is_the_folder_or_the_one_gguf_file_in_it(file: str) -> None:
    recipe = {"registry": "http://127.0.0.1:5000", "name": "tiny", "version": "1", "identity": ["0", "s3://a"]}
    made = get_or_build("registry", recipe, lambda folder: (folder / file).touch())
    found = downloaded(settings("models:/tiny/1", "http://127.0.0.1:5000"))
    assert found is not None
    assert found[0].engine_options["weights"] == str(made.path if file == "config.json" else made.path / file)
    assert downloaded(settings("models:/tiny/2", "http://127.0.0.1:5000")) is None
