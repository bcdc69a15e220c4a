"""The machine: its kind, how much of it its host takes meanwhile, and how much other processes use."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_PROC = Path("/proc")
_LISTENS = "0A"
_HERE = ("localhost", "127.0.0.1", "::1")


def kind_of_machine() -> str:
    """The processor and its cores: blocks that another kind of machine measured are not this one's."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = (_PROC / "cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """Times of the processors since the machine started, in ticks.

    Attributes:
        total, busy, stolen: of all cores together; stolen is what the host of a virtual machine took.
        ours: used by this process and those that it started. server: by the server's processes; None where it is not
            known which they are.
    """

    total: int
    busy: int
    stolen: int
    ours: int
    server: int | None


@dataclass(frozen=True, slots=True)
class MachineUse:
    """The machine's other work between two readings.

    Attributes:
        steal: share of the time that the host took.
        others_cpu: cores that were busy with something else; None where the server's share is not known.
        cores: how many there are.
    """

    steal: float
    others_cpu: float | None
    cores: int


def read_times(server_pids: Collection[int] | None) -> MachineTimes | None:
    """The times now; None on a system that does not tell.

    Args:
        server_pids: of the server, () for one on another machine, None where it is not known.
    """
    try:
        fields = [int(each) for each in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
        user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    except (OSError, ValueError, IndexError):
        return None
    ours = descendants([os.getpid()])
    server = None if server_pids is None else _ticks(descendants(server_pids) - ours)
    return MachineTimes(sum(fields), user + nice + system + irq + softirq, steal, _ticks(ours), server)


def use_between(before: MachineTimes | None, after: MachineTimes | None) -> MachineUse | None:
    """The machine's work between two readings; None where one is missing or no time has passed."""
    if before is None or after is None or after.total <= before.total:
        return None
    cores = os.cpu_count() or 1
    total = after.total - before.total
    others = None
    if before.server is not None and after.server is not None:
        known = after.ours - before.ours + after.server - before.server
        others = max(0.0, (after.busy - before.busy - known) / total * cores)
    return MachineUse((after.stolen - before.stolen) / total, others, cores)


def server_pids(base_url: str) -> frozenset[int] | None:
    """The processes that listen at an address of this machine.

    () for an address of another machine; None where it is here and its processes can't be told (another user's).
    """
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname not in _HERE:
        return frozenset()
    tables = [_PROC / "net" / name for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTENS and row[1].endswith(f":{port:04X}")}
    return frozenset(_holders(sockets)) or None


def _holders(sockets: Collection[str]) -> Iterable[int]:
    """The processes that hold one of these, as far as they may be looked into."""
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(link.readlink()) in sockets for link in (folder / "fd").iterdir()):
                yield int(folder.name)


def descendants(pids: Iterable[int]) -> set[int]:
    """These processes and all that they started, and those started."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def _ticks(pids: Iterable[int]) -> int:
    """Processor time of processes, and of children of theirs that have ended."""
    return sum(sum(int(each) for each in fields[11:15]) for fields in map(_fields, pids) if fields)


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything; [] for a process that is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
