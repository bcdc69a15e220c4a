"""The machine: its kind, how much its host takes meanwhile, how much other processes use, and what energy it takes."""

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

EnergyCounters = Mapping[str, tuple[float, float]]
"""Joules by processor package (RAPL) and GPU (NVML), and where the counter begins again; 0 where it never does.

They are of whole packages and boards, whoever uses them.
"""
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


class MachineTimes(NamedTuple):
    """Processor seconds of all cores since the machine started: `stolen` by a virtual machine's host, `known` to be
    of this process, the server and all that they started (None where the server's processes can't be told).
    """

    total: float
    busy: float
    stolen: float
    known: float | None


def read_times(server_pids: Collection[int] | None) -> MachineTimes:
    """The times now, with what `server_pids` tells of the server."""
    of = psutil.cpu_times()._asdict()
    stolen = of.get("steal", 0.0)
    total = sum(of.values()) - of.get("guest", 0.0) - of.get("guest_nice", 0.0)  # they are in user and nice, too
    known = None
    if server_pids is not None:
        processes = set[psutil.Process]()
        for pid in (os.getpid(), *server_pids):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                processes |= {process, *process.children(recursive=True)}
        known = 0.0
        for process in processes:
            with suppress(psutil.Error):
                known += sum(process.cpu_times()[:4])  # with children of theirs that have ended
    return MachineTimes(total, total - of["idle"] - of.get("iowait", 0.0) - stolen, stolen, known)


def use_between(before: MachineTimes, after: MachineTimes) -> tuple[float | None, float]:
    """The cores that others kept busy (None where that can't be told), and the share of time that the host took."""
    total = max(after.total - before.total, 1e-9)
    others = None
    if before.known is not None and after.known is not None:
        busy = after.busy - before.busy - (after.known - before.known)
        others = max(0.0, busy / total * (os.cpu_count() or 1))
    return others, (after.stolen - before.stolen) / total


def server_pids(base_url: str) -> Collection[int] | None:
    """The processes that listen at an address: () on another machine, None for another user's, which can't be told."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname not in _HERE:
        return ()
    with suppress(psutil.AccessDenied):
        listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
        return {each.pid for each in listening if each.laddr.port == port and each.pid is not None} or None
    return None


def energy_counters() -> EnergyCounters:
    """The counters of this machine now; {} where there are none."""
    found = {}
    for folder in _RAPL.glob("*-rapl:[0-9]"):  # a package has its parts in it
        with suppress(OSError, ValueError):
            names = ("energy_uj", "max_energy_range_uj")
            now, most = (int((folder / name).read_text()) * _MICRO for name in names)
            found[folder.name] = now, most
    if importlib.util.find_spec("pynvml") is not None:
        import pynvml  # type: ignore[import-not-found]

        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for number in range(pynvml.nvmlDeviceGetCount()):
                board = pynvml.nvmlDeviceGetHandleByIndex(number)
                found[f"gpu{number}"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(board) * _MILLI, 0.0
    return found


def joules_between(before: EnergyCounters, after: EnergyCounters) -> float | None:
    """The energy taken between two readings; None where no counter tells, or one of them began anew meanwhile."""
    taken = []
    for name in before.keys() & after.keys():
        since = after[name][0] - before[name][0]
        taken.append(since if since >= 0 else since + after[name][1])
    return sum(taken) if taken and min(taken) >= 0 else None
