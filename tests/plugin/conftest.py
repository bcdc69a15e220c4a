"""Fixtures of the plugin's tests."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from contextlib import suppress

import pytest

import harness.gate
import harness.models.mlflow
import harness.plugin
import harness.reporting
import harness.tracking
from tests.plugin.judges import judged
from tests.plugin.projects import Project

__all__ = ["judged"]


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """pytester forgets what a test imports; numpy and datasets can't be imported twice: import everything first."""
    dialects = ("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql")
    for name in ("numpy", "scipy.special", *dialects, "aiohttp"):
        importlib.import_module(name)
    with warnings.catch_warnings(), suppress(ModuleNotFoundError):  # of the extra datasets
        warnings.simplefilter("ignore")
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("datasets")
    for package in (harness.gate, harness.models.mlflow, harness.plugin, harness.reporting, harness.tracking):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in ("harness.models.openai.engine", "harness.models.scripted.engine", "harness.store"):
        importlib.import_module(name)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """An empty project whose only version answers "yes"."""
    return Project(pytester)
