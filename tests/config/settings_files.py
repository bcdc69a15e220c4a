"""Settings files in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import Settings, load_settings

SCRIPTED = {"engine": "scripted", "default": "A"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, text: str) -> Settings:
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")
    return load_settings(folder)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(child)}" for name, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def load_version(folder: Path, table: dict[str, Any]) -> Settings:
    """Settings with one version, which is asked for."""
    settings = load(folder, f"models = {{ v = {toml(table)} }}")
    settings.version("v")
    return settings
