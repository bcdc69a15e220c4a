"""The NVIDIA GPUs of this machine. As a program it ends with a code of its own where there is none: `make gpu`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NO_GPU = 77
"""The exit code of `make gpu` without one, as a skipped test has it in automake."""


def count_gpus(folder: Path = Path("/dev")) -> int:
    """Count the GPUs that this process may use: the driver's, or fewer by CUDA_VISIBLE_DEVICES."""
    present = len(list(folder.glob("nvidia[0-9]*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return present if visible is None else min(present, len([each for each in visible.split(",") if each.strip()]))


def missing_gpus(n: int) -> str | None:
    """The reason why a test that needs so many GPUs is skipped, or None."""
    there = count_gpus()
    return (
        None if there >= n else "there is no NVIDIA GPU" if there == 0 else f"it needs {n} GPUs, and there is {there}"
    )


def main() -> int:
    if count_gpus():
        return 0
    print(f"There is no NVIDIA GPU to use here (/dev/nvidia0, CUDA_VISIBLE_DEVICES): nothing ran. Code {NO_GPU}.")
    return NO_GPU


if __name__ == "__main__":
    sys.exit(main())
