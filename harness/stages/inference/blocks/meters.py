"""The energy that a block takes, by the counters that there are."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

_RAPL = Path("/sys/class/powercap")
_MICRO, _MILLI = 1e-6, 1e-3


class EnergyMeter:
    """The energy that the machine's processors (RAPL) and GPUs (NVML) take.

    The counters are of whole packages and boards, whoever uses them: while a block is measured nothing else should.
    """

    def __init__(self) -> None:
        self._before = _packages() | _boards()

    def joules(self) -> float | None:
        """Taken since the meter was made; None where no counter tells."""
        taken = []
        for name, (joules, wraps_at) in (_packages() | _boards()).items():
            if name in self._before:
                since = joules - self._before[name][0]
                taken.append(since if since >= 0 else since + wraps_at)
        return sum(taken) if taken else None


def _packages() -> dict[str, tuple[float, float]]:
    """Joules and where the counter begins again, by processor package; each has its parts in it."""
    found = {}
    for folder in _RAPL.glob("*-rapl:[0-9]"):
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
