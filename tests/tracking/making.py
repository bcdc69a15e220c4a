"""Makes a database of MLflow, in a process of its own."""

from __future__ import annotations


def main(address: str) -> None:
    """Let MLflow create its tables."""
    from mlflow import MlflowClient

    MlflowClient(address).search_experiments()
