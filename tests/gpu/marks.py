"""Marks of tests that need GPUs; they go beside `pytest.mark.gpu`."""

from __future__ import annotations

import pytest

from harness.models.vllm.engine import find_device
from tests.gpu.devices import missing_gpus


def skip_without_gpus(n: int = 1) -> pytest.MarkDecorator:
    """Skip where fewer GPUs are there, or vLLM's build is not the one for GPUs."""
    reason = missing_gpus(n) or ("vLLM's build is the one for processors" if find_device() == "cpu" else "")
    return pytest.mark.skipif(bool(reason), reason=reason)
