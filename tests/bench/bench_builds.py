"""The student and the adapter of this repository, built from nothing, and found again: seconds of `steelyard build`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.sampling import ROOT, Figure

_MOST_S = {"smollm2-healed": ("the student", 360.0), "smollm2-support": ("the adapter", 180.0)}
_WARM_S = 5.0
_CODE = "import sys; sys.argv[0] = 'steelyard'; from harness.cli import main; main()"


def builds(folder: Path) -> list[Figure]:
    """Each version with an empty cache of its own, so that nothing of another helps it; then once more."""
    figures = []
    for version, (what, most) in _MOST_S.items():
        first, again = (_seconds(version, folder / version) for _ in range(2))
        figures += [
            Figure(f"steelyard build {version}: {what}, nothing cached", first, "s", f"≤ {most:.0f} s", first <= most),
            Figure(f"steelyard build {version}: found again", again, "s", f"≤ {_WARM_S:.0f} s", again <= _WARM_S),
        ]
    return figures


def _seconds(version: str, cache: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "STEELYARD_CACHE": str(cache)}
    for name in ("PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"):
        environment.pop(name, None)
    began = time.perf_counter()
    command = [sys.executable, "-c", _CODE, "build", version]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began
