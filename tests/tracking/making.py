"""Makes a database of MLflow, in a process of its own."""

from __future__ import annotations


def main(address: str, gone: str = "") -> None:
    """Let MLflow create its tables; and an experiment of this name, which is deleted."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    client.search_experiments()
    if gone:
        client.delete_experiment(client.create_experiment(gone))
