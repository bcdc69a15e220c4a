"""Fixtures of the plugin's tests."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import harness.gate
import harness.plugin
import harness.reporting
from tests.plugin.projects import Project


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """pytester forgets what an inner run imports, and numpy can't be imported twice: import everything first."""
    for name in ("numpy", "scipy.special", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "aiohttp"):
        importlib.import_module(name)
    for package in (harness.gate, harness.plugin, harness.reporting):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in ("harness.models.openai", "harness.models.scripted", "harness.store"):
        importlib.import_module(name)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """An empty project whose only version answers "yes"."""
    return Project(pytester)
