"""Declares the engine `scripted`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.config import VersionSettings, setting_checks
from harness.errors import SettingsError
from harness.models.engine import Engine
from harness.models.spec import EngineSpec


def _answers(value: Any, name: str, *, where: str) -> Any:
    if isinstance(value, str):
        return setting_checks.path(value, name, where=where)
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: {name} = {value!r} is not a table or the path of a file.")
    return value


def _any(value: Any, name: str, *, where: str) -> Any:
    """Looked at when the table is read, which says more of it."""
    return value


def _create(settings: VersionSettings, root: Path) -> Engine:
    from harness.models.scripted.engine import ScriptedEngine

    return ScriptedEngine(settings.engine_name, settings.engine_options, root)


def _check(settings: VersionSettings, root: Path) -> None:
    _digest(settings, root)


def _digest(settings: VersionSettings, root: Path) -> str:
    from harness.models.scripted.script import load_script

    return load_script(settings.engine_options, root, where=f"version {settings.name!r}").digest


def _source(options: Mapping[str, Any]) -> str:
    answers = options.get("answers")
    return answers if isinstance(answers, str) else "answers in the settings"


SCRIPTED = EngineSpec(
    summary="a table of answers with their probabilities",
    settings={"answers": _answers, "default": _any, "seed": _any, "latency_s": partial(setting_checks.number, low=0)},
    create=_create,
    check=_check,
    identity=lambda settings, root: {"options": {"script": _digest(settings, root)}},
    insignificant=frozenset({"latency_s"}),
    not_noted=frozenset({"answers", "default"}),
    source=_source,
)
