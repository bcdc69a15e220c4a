"""The energy that a block takes, by the counters that there are."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

from harness.errors import CapabilityError

_RAPL = Path("/sys/class/powercap")
_MICRO, _MILLI = 1e-6, 1e-3


class EnergyMeter:
    """The energy that the machine's processors (RAPL) and GPUs (NVML) take.

    The counters are of whole packages and boards, whoever uses them: while a block is measured nothing else should.
    """

    def __init__(self) -> None:
        self._before = self._read()

    def joules(self) -> float | None:
        """Taken since the meter was made; None where no counter tells."""
        after = self._read()
        same = self._before.keys() & after.keys()
        if not same:
            return None
        return sum(_since(self._before[name], after[name]) for name in same)

    def _read(self) -> dict[str, tuple[float, float]]:
        """Joules and where the counter begins again, by counter."""
        return {**_packages(), **_boards()}


def _since(before: tuple[float, float], after: tuple[float, float]) -> float:
    passed = after[0] - before[0]
    return passed if passed >= 0 else passed + after[1]


def _packages() -> dict[str, tuple[float, float]]:
    """The counters of processor packages; each has its parts in it, which are not counted again."""
    found = {}
    for folder in _RAPL.glob("*-rapl:[0-9]*"):
        if folder.name.count(":") != 1:
            continue
        with contextlib.suppress(OSError, ValueError):
            names = ("energy_uj", "max_energy_range_uj")
            now, most = (int((folder / name).read_text()) * _MICRO for name in names)
            found[folder.name] = now, most
    return found


def _boards() -> dict[str, tuple[float, float]]:
    if importlib.util.find_spec("pynvml") is None:
        return {}
    import pynvml  # type: ignore[import-not-found]

    found = {}
    try:
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            board = pynvml.nvmlDeviceGetHandleByIndex(number)
            found[f"gpu{number}"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(board) * _MILLI, 0.0
    except pynvml.NVMLError:
        return found
    return found


def no_energy() -> CapabilityError:
    """The error for a machine that tells nothing of its energy."""
    return CapabilityError(
        "This machine tells nothing of the energy that it takes: /sys/class/powercap has no counter of a package "
        "(RAPL) that may be read, and NVML none of a GPU. Measure load.cost or load.throughput in its place, or run "
        "where there is one."
    )
