"""The NVIDIA GPUs of this machine; run as a program, it ends with a code of its own where there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

NONE = 77
"""The exit code without a GPU; of a test, automake takes it for "skipped"."""


def count_devices(folder: Path = Path("/dev"), visible: str | None = None) -> int:
    """Count the GPUs that this process may use: those of the driver, or fewer by CUDA_VISIBLE_DEVICES."""
    present = len(list(folder.glob("nvidia[0-9]*")))
    return present if visible is None else min(present, len([each for each in visible.split(",") if each.strip()]))


N_DEVICES = count_devices(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))


def needs_gpus(n: int = 1) -> list[pytest.MarkDecorator]:
    """The marks of a test that needs so many GPUs."""
    reason = "there is no NVIDIA GPU" if n == 1 else f"it takes {n} GPUs, and there are {N_DEVICES}"
    return [pytest.mark.gpu, pytest.mark.skipif(N_DEVICES < n, reason=reason)]
