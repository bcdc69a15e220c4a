"""Runs a command as a whole process and says what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:deepeval")
OTHERS = ("asyncio", "anyio", "benchmark", "xdist", "rerunfailures", "repeat", "hypothesispytest")
"""Plugins that happen to be installed with the development tools; their start-up is not what is measured."""


@dataclass(frozen=True)
class Took:
    """Wall and CPU seconds of a process and of those it waited for, and the peak memory of the largest."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def pytest_command(*arguments: str) -> list[str]:
    """pytest with Steelyard and no other plugin."""
    return [*PYTEST, *(part for name in OTHERS for part in ("-p", f"no:{name}")), *arguments]


def run(command: Sequence[str], folder: Path, *, codes: Sequence[int] = (0,)) -> Took:
    """Run a command to its end.

    Raises:
        RuntimeError: it ended with another code than expected.
    """
    log = folder / "output.log"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each run would compile again what users compile once
    began = time.perf_counter()
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = code = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    if code not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{output[-3000:]}")
    return Took(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def middle(runs: Sequence[Took]) -> Took:
    """Medians of several runs, figure by figure."""
    return Took(
        median(each.wall_s for each in runs),
        median(each.cpu_s for each in runs),
        median(each.peak_mb for each in runs),
        runs[-1].output,
    )


def alternate(repeats: int, *commands: tuple[Sequence[str], Path]) -> list[Took]:
    """Run several commands in turn, A B A B …, and give the medians of each."""
    runs: list[list[Took]] = [[] for _ in commands]
    for _ in range(repeats):
        for number, (command, folder) in enumerate(commands):
            clean(folder)
            runs[number].append(run(command, folder))
    return [middle(each) for each in runs]


def clean(folder: Path) -> None:
    """Forget the stored samples of a project."""
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (folder / ".steelyard" / name).unlink(missing_ok=True)
