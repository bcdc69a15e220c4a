"""Prompts from MLflow's prompt registry: `prompts:/NAME/VERSION` and `prompts:/NAME@ALIAS`.

They are looked up as registered weights are: once for a run, so that an alias that moves meanwhile does not matter.
Where nothing is to be drawn, a version by its number is what it was when it was looked up last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import VersionSettings, cache_dir
from harness.config.addresses import without_credentials
from harness.config.files import PROMPTS, replacing
from harness.errors import MlflowError, SettingsError
from harness.models.files.content_hash import text_hash
from harness.models.mlflow.process import MlflowProcess, require_mlflow
from harness.models.mlflow.registry import unknown_in_words

_ADDRESS = re.compile(r"prompts:/(?P<name>[\w.-]+)(?:/(?P<version>[1-9]\d*)|@(?P<alias>[\w-]+))")
_CHILD = "harness.models.prompts.lookup"


@dataclass(frozen=True, slots=True)
class RegisteredPrompt:
    """A version of a prompt in the registry.

    Attributes:
        template: its text; of a chat its messages.
    """

    name: str
    version: str
    template: str | list[Mapping[str, Any]]

    def __str__(self) -> str:
        return f"{PROMPTS}{self.name}/{self.version}"


def check_prompts(settings: VersionSettings) -> dict[str, Mapping[str, str | None]]:
    """Refuse addresses that can't be looked up, without asking the registry; gives the parts of each, by setting.

    Raises:
        SettingsError: one has neither form, MLflow is not installed, or nothing says where the registry is.
    """
    asked: dict[str, Mapping[str, str | None]] = {}
    for name, place in settings.texts_elsewhere.items():
        if not place.startswith(PROMPTS):
            continue
        match = _ADDRESS.fullmatch(place)
        if match is None:
            raise SettingsError(
                f"{name} = {place!r} names no prompt of the registry; write prompts:/NAME/3 for a version, or "
                "prompts:/NAME@champion for an alias."
            )
        require_mlflow(f"{name} = {place!r}")
        if settings.registry is None:
            raise SettingsError(
                f"{name} = {place!r}: which registry has it? Write mlflow = "
                '"http://HOST:PORT" into [tool.steelyard], or set MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI.'
            )
        asked[name] = match.groupdict()
    return asked


def look_up_prompts(settings: VersionSettings, root: Path, *, offline: bool = False) -> dict[str, RegisteredPrompt]:
    """The prompts that `system` and `template` name in the registry, by setting.

    Args:
        offline: take versions by their number, if they were looked up before, without asking.

    Raises:
        SettingsError: there is no such prompt, version or alias (the message lists those that there are), or the
            registry can't be asked.
    """
    asked = check_prompts(settings)
    assert settings.registry is not None
    if offline:
        known = {name: _kept(settings.registry, parts) for name, parts in asked.items()}
        found = {name: prompt for name, prompt in known.items() if prompt is not None}
        if len(found) == len(asked):
            return found
    given = {name: f"{name} = {settings.texts_elsewhere[name]!r}" for name in asked}
    try:
        with MlflowProcess(_CHILD, root) as process:
            answer = process.ask(settings.registry, {"prompts": asked})["prompts"]
    except MlflowError as error:
        hint = " Offline, a prompt is known by its number alone, once it was looked up." if offline else ""
        raise SettingsError(f"{'; '.join(given.values())}: {error}{hint}") from None
    found = {}
    for name, each in answer.items():
        if "unknown" in each:
            registry = without_credentials(settings.registry)
            raise SettingsError(unknown_in_words(each, asked[name], given[name], registry, "prompt"))
        found[name] = RegisteredPrompt(each["name"], each["version"], each["template"])
        _keep(settings.registry, found[name])
    return found


def are_kept(settings: VersionSettings) -> bool:
    """Tell whether all prompts of a version are known without asking the registry."""
    asked = check_prompts(settings)
    return settings.registry is not None and all(_kept(settings.registry, each) for each in asked.values())


def _keep(registry: str, prompt: RegisteredPrompt) -> None:
    """Remember a version, for when the registry is not to be asked."""
    path = _note_path(registry, prompt.name, prompt.version)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        kept = {"template": prompt.template}
        draft.write_text(json.dumps(kept), encoding="utf-8")


def _kept(registry: str, asked: Mapping[str, str | None]) -> RegisteredPrompt | None:
    """A version as it was looked up last; None for one that was not, and for an alias, which may have moved."""
    name, version = asked["name"], asked["version"]
    if name is None or version is None:
        return None
    try:
        kept = json.loads(_note_path(registry, name, version).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return RegisteredPrompt(name, version, kept["template"])


def _note_path(registry: str, name: str, version: str) -> Path:
    known = text_hash("prompt", without_credentials(registry), name, version)
    return cache_dir() / "registry" / f"{known}.prompt"
