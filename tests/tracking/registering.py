"""Registers models, in a process of its own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from tests.tracking.forks import ROOT, in_a_fork


def register(address: str, name: str, folder: Path, how: str = "files", alias: str = "") -> str:
    """Register a folder as the next version of a model, with an alias where one is given; return the version.

    Args:
        how: "files" logs them as they are, "transformers" as a model of MLflow's.
    """
    place = Path(address.removeprefix("sqlite:///")).parent if address.startswith("sqlite") else ROOT
    return in_a_fork(__name__, address, name, str(folder), how, alias, folder=place).split()[-1]


def main(address: str, name: str, folder: str, how: str, alias: str) -> None:
    """Print the number of the version."""
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(address)
    client = MlflowClient(address, address)
    mlflow.set_experiment("weights")
    version = _logged(client, name, folder, how)
    if alias:
        client.set_registered_model_alias(name, alias, version)
    print(version)


def _logged(client: Any, name: str, folder: str, how: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    if how == "transformers":
        from transformers import AutoModelForCausalLM, AutoTokenizer

        parts = {
            "model": AutoModelForCausalLM.from_pretrained(folder),
            "tokenizer": AutoTokenizer.from_pretrained(folder),
        }
        needs = {"task": "text-generation", "pip_requirements": ["transformers"]}
        info = mlflow.transformers.log_model(parts, name="model", registered_model_name=name, **needs)
        return str(info.registered_model_version)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(folder, "weights")
    with contextlib.suppress(MlflowException):
        client.create_registered_model(name)
    return str(client.create_model_version(name, f"runs:/{run.info.run_id}/weights", run.info.run_id).version)
