"""The settings of a project as they were at a commit, and what of them is another now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.config.repository.git import Repository
from harness.config.settings import Settings, parse_toml, settings_file, settings_of
from harness.config.versions import VersionSettings
from harness.errors import SettingsError

_DECIDING = (
    *("candidate", "baseline", "judge", "samples", "max_samples", "margin", "confidence_level", "design", "seed"),
    *("apply_chat_template", "fewshot_as_multiturn", "include_path", "task_metadata", "sandbox"),
)
"""Settings that a verdict may depend on. The others say where things go, how fast, and what may be spent."""
_HARMLESS_TOOLS = (
    *("steelyard", "ruff", "mypy", "black", "isort", "flake8", "pylint", "pyright", "coverage", "importlinter"),
)
_HARMLESS_FIELDS = (
    *("version", "description", "readme", "license", "license-files", "authors", "maintainers", "keywords"),
    *("classifiers", "urls"),
)


def settings_at(repository: Repository, commit: str, folder: Path) -> Settings | None:
    """The settings that a folder held at a commit, in whichever file; None where there were none, or none that can be
    understood.
    """
    try:
        found = settings_file(folder, partial(repository.file_at, commit))
        return None if found is None else settings_of(parse_toml(found[1], found[0]), found[0], commit)
    except SettingsError:
        return None


def differing(before: Settings, now: Settings) -> list[str]:
    """The names of settings that a verdict may depend on, and that are others now."""
    return [name for name in _DECIDING if getattr(before, name) != getattr(now, name)]


def is_same_version(before: VersionSettings, now: VersionSettings) -> bool:
    """Tell whether a version, with what its base gives it, is unchanged in all that its answers depend on."""
    return _deciding(before) == _deciding(now)


def asks_for_the_same(before: bytes | None, now: bytes, path: Path) -> bool:
    """Tell whether a pyproject.toml still asks for the same packages and runs tests in the same way.

    The parts that describe the project, or are for tools that only look at its code, may differ.
    """
    if before is None:
        return False
    try:
        return _asked_for(parse_toml(before, path)) == _asked_for(parse_toml(now, path))
    except SettingsError:
        return False


def _asked_for(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(document)
    for table, harmless in (("tool", _HARMLESS_TOOLS), ("project", _HARMLESS_FIELDS)):
        if isinstance(kept.get(table), Mapping):
            kept[table] = {name: value for name, value in kept[table].items() if name not in harmless}
    return {name: value for name, value in kept.items() if value != {}}


def _deciding(version: VersionSettings) -> VersionSettings:
    return replace(version, description=None, price=None, base=None)
