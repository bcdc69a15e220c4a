"""The machine: its kind, how much its host and other processes take of it meanwhile, and the energy that it takes."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil

_HERE = ("localhost", "127.0.0.1", "::1")
_RAPL = Path("/sys/class/powercap")
_MICRO, _MILLI = 1e-6, 1e-3


def kind_of_machine() -> str:
    """The processor and its cores: blocks that another kind of machine measured are not this one's."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


class Counters(NamedTuple):
    """Counters of the machine.

    Attributes:
        total, busy, stolen: processor seconds of all cores since it started; `stolen` by a virtual machine's host.
        known: those of this process, the server and all that they started; None where the server's can't be told.
        energy: joules by processor package (RAPL) and GPU (NVML), whoever uses them, and where the counter begins
            again; 0 where it never does.
    """

    total: float
    busy: float
    stolen: float
    known: float | None
    energy: Mapping[str, tuple[float, float]]


def read_machine(server_pids: Collection[int] | None) -> Counters:
    """The counters now, with what `server_pids` tells of the server."""
    of = psutil.cpu_times()._asdict()
    stolen = of.get("steal", 0.0)
    total = sum(of.values()) - of.get("guest", 0.0) - of.get("guest_nice", 0.0)  # they are in user and nice, too
    processes, known = set[psutil.Process](), 0.0
    for pid in (os.getpid(), *(server_pids or ())):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            processes |= {process, *process.children(recursive=True)}
    for process in processes:
        with suppress(psutil.Error):
            known += sum(process.cpu_times()[:4])  # with children of theirs that have ended
    busy = total - of["idle"] - of.get("iowait", 0.0) - stolen
    return Counters(total, busy, stolen, None if server_pids is None else known, energy_counters())


class Use(NamedTuple):
    """The cores that others kept busy, the share of time that the host took, and joules. None is what no counter tells,
    or one that began anew meanwhile.
    """

    others_cpu: float | None
    steal: float
    energy_j: float | None


def use_between(before: Counters, after: Counters) -> Use:
    """The use of the machine between two readings."""
    total = max(after.total - before.total, 1e-9)
    others, joules = None, list[float]()
    if before.known is not None and after.known is not None:
        busy = after.busy - before.busy - (after.known - before.known)
        others = max(0.0, busy / total * (os.cpu_count() or 1))
    for name in before.energy.keys() & after.energy.keys():
        since = after.energy[name][0] - before.energy[name][0]
        joules.append(since if since >= 0 else since + after.energy[name][1])
    energy_j = sum(joules) if joules and min(joules) >= 0 else None
    return Use(others, (after.stolen - before.stolen) / total, energy_j)


def energy_counters() -> Mapping[str, tuple[float, float]]:
    """The counters of energy, as `Counters` has them; {} where there are none."""
    counters = {}
    for folder in _RAPL.glob("*-rapl:[0-9]"):  # a package has its parts in it
        with suppress(OSError, ValueError):
            now, most = (int((folder / name).read_text()) * _MICRO for name in ("energy_uj", "max_energy_range_uj"))
            counters[folder.name] = now, most
    if importlib.util.find_spec("pynvml") is not None:
        import pynvml  # type: ignore[import-not-found]

        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for number in range(pynvml.nvmlDeviceGetCount()):
                board = pynvml.nvmlDeviceGetHandleByIndex(number)
                counters[f"gpu{number}"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(board) * _MILLI, 0.0
    return counters


def server_pids(base_url: str) -> Collection[int] | None:
    """The processes that listen at an address: () on another machine, None for another user's, which can't be told."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname not in _HERE:
        return ()
    with suppress(psutil.AccessDenied):
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        return {each.pid for each in listening if each.laddr.port == port and each.pid is not None} or None
    return None
