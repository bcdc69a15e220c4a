"""A gate that is logged and read back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.store import Store
from harness.tracking.gates import GateLog, LogResult
from tests.tracking.reading import read
from tests.tracking.servers import MlflowServer
from tests.tracking.stored_gates import logged, stored_gate


class Found:
    """What MLflow has of one gate."""

    def __init__(self, gate: GateLog, said: LogResult, store: Store) -> None:
        self.gate, self.said, self.store = gate, said, store
        self.all = read(gate.address, gate.experiment)
        self.by_name = {run["name"]: run for run in self.all["runs"]}
        self.run: dict[str, Any] = self.by_name["small against large"]


@pytest.fixture(scope="session")
def found_at(
    empty_database: Path, mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Found]]:
    """What MLflow has of a gate in a "file" and on a "server"; it is logged to each once."""
    with ExitStack() as stores:

        @cache
        def at(place: str) -> Found:
            folder = tmp_path_factory.mktemp("logged")
            address = mlflow_server.address
            if place == "file":
                address = f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}"
            store = stores.enter_context(Store.open(str(folder / "store.db")))
            gate = stored_gate(store, address, "whole")
            return Found(gate, logged(gate, store), store)

        yield at


@pytest.fixture(params=["file", "server"])
def found(request: pytest.FixtureRequest, found_at: Callable[[str], Found]) -> Found:
    return found_at(request.param)
