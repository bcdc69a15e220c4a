"""Registers models, in a process of its own."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.tracking.forks import ROOT, in_a_fork


def register(address: str, name: str, folder: Path, how: str = "files") -> str:
    """Register a folder as the next version of a model, and give the number of that.

    Args:
        how: "files" logs them as they are, "transformers" as a model of MLflow's, "alias:NAME" gives the newest
            version an alias.
    """
    place = Path(address.removeprefix("sqlite:///")).parent if address.startswith("sqlite") else ROOT
    return in_a_fork(__name__, address, name, str(folder), how, folder=place).split()[-1]


def main(address: str, name: str, folder: str, how: str) -> None:
    """Print the number of the version."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(address)
    client = MlflowClient(address, address)
    if how.startswith("alias:"):
        newest = max(int(each.version) for each in client.search_model_versions(f"name = '{name}'"))
        client.set_registered_model_alias(name, how.removeprefix("alias:"), str(newest))
        print(newest)
        return
    mlflow.set_experiment("weights")
    if how == "transformers":
        from transformers import AutoModelForCausalLM, AutoTokenizer

        parts = {
            "model": AutoModelForCausalLM.from_pretrained(folder),
            "tokenizer": AutoTokenizer.from_pretrained(folder),
        }
        needs = {"task": "text-generation", "pip_requirements": ["transformers"]}
        info = mlflow.transformers.log_model(parts, name="model", registered_model_name=name, **needs)
        print(info.registered_model_version)
        return
    with mlflow.start_run() as run:
        mlflow.log_artifacts(folder, "weights")
    with contextlib.suppress(MlflowException):
        client.create_registered_model(name)
    print(client.create_model_version(name, f"runs:/{run.info.run_id}/weights", run.info.run_id).version)
