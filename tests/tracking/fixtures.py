"""A server of MLflow for all tests of a session, and a new database for each that wants one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.servers import MlflowServer, make_database


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow that nobody writes to; making one takes seconds, copying it none."""
    return make_database(tmp_path_factory.mktemp("mlflow") / "empty.db")


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> str:
    """The address of a new database."""
    (tmp_path / "tracked").mkdir()
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'tracked' / 'mlflow.db')}"


@pytest.fixture(scope="session")
def mlflow_server(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server that all tests share: each takes an experiment of its own."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder / "mlflow.db")
    started = MlflowServer(folder)
    yield started
    started.stop()
