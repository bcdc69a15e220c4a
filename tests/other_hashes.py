"""Runs code in a process whose hashes are others, so that what depends on the order of sets shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def elsewhere(code: str, *options: str) -> list[str]:
    """The lines that code prints in a process whose hashes are others than those of this one.

    Args:
        code: is run with `-c`, in the project's folder.
        options: of the interpreter.
    """
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
