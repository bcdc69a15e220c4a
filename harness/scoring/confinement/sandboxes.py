"""The sandboxes for programs: the built-in one, of what Linux gives any process (Landlock for files, a filter of system
calls, limits), and containers.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import math
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import install
from harness.scoring.confinement.system_calls import filter_for, libseccomp

IMAGE = f"docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim"
_CHILD = Path(__file__).with_name("child.py")
_PYTHON_OPTIONS = ("-s", "-P", "-S", "-B")
_FOLDER_IN_CONTAINER = "/program"
_BESIDE_THE_PROGRAM_BYTES = 64 << 20
_ANSWER_S = 20
_START_S = 60
_LANDLOCK_CREATE_RULESET = 444
_SYSTEM_FILES = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/localtime"),
)


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """The most that a program may use.

    Attributes:
        timeout_s: seconds of wall time, and of CPU time rounded up.
        memory_bytes: its address space, the interpreter's own included.
        file_bytes: the largest file that it writes, its output included.
        disk_bytes: all that it writes to files.
        files: how many files and folders it makes.
        open_files: how many at once.
        threads: how many at once, the first included.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 << 20
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    files: int = 1000
    open_files: int = 64
    threads: int = 128


def lacks(sandbox: str) -> str | None:
    """Say what a sandbox lacks here, as a clause; None where it works."""
    if sandbox == "container":
        return _lacks_container()
    if sys.platform != "linux":
        return f'sandbox = "built-in" is made of what Linux has, and this is {platform.system()}'
    if importlib.util.find_spec("pyseccomp") is None:
        return f"the filter of system calls needs pyseccomp, not installed here: {install('code')}"
    if libseccomp() is None:
        return (
            "the filter of system calls is built by libseccomp, which is not here (`apt-get install libseccomp2`, "
            "`dnf install libseccomp`, `apk add libseccomp`)"
        )
    if landlock_version() < 1:
        return f"the kernel ({platform.release()}) has no Landlock, or it is switched off: nothing would guard files"
    return None


@functools.cache
def _lacks_container() -> str | None:
    """Try podman, or docker where there is none."""
    path = engine()
    if path is None:
        return "neither podman nor docker is installed"
    trial = [path, "run", "--rm", "--pull=never", "--network=none", IMAGE, "true"]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{path} does not work: {error}"
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return None if done.returncode == 0 else f"{path} can't run its image (`{path} pull {IMAGE}` gets it): {last}"


def engine() -> str | None:
    """The program that runs containers here."""
    return shutil.which("podman") or shutil.which("docker")


@functools.cache
def landlock_version() -> int:
    """Give the version of Landlock that the kernel has; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_LANDLOCK_CREATE_RULESET, None, 0, 1)))


def command(is_container: bool, limits: ProgramLimits, folder: str) -> tuple[list[str], dict[str, str]]:
    """The command of a process and its environment; podman and docker need what they find their settings by."""
    if is_container:
        return container(engine() or "podman", limits, _name(folder)), dict(os.environ)
    return [sys.executable, *_PYTHON_OPTIONS, str(_CHILD)], _variables(folder)


def container(engine: str, limits: ProgramLimits, name: str) -> list[str]:
    """The command of a container of the image, with the Python and the packages of the image."""
    memory = f"{limits.memory_bytes + limits.disk_bytes + _BESIDE_THE_PROGRAM_BYTES}b"
    options = f"rw,nosuid,nodev,noexec,mode=1777,size={limits.disk_bytes}"
    variables = {**_variables(_FOLDER_IN_CONTAINER), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    own_tmpfs = ("--read-only-tmpfs=false",) if Path(engine).name == "podman" else ()
    return [
        *(engine, "run", "--rm", "--interactive", "--pull=never", "--log-driver=none", f"--name={name}"),
        *("--network=none", "--ipc=none", "--read-only", *own_tmpfs),
        *("--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534"),
        *(f"--pids-limit={limits.threads + 1}", f"--memory={memory}", f"--memory-swap={memory}"),
        *(f"--tmpfs={_FOLDER_IN_CONTAINER}:{options}", f"--workdir={_FOLDER_IN_CONTAINER}"),
        *(f"--env={key}={value}" for key, value in variables.items()),
        IMAGE,
        # The container ends, whoever is there to end it.
        *("timeout", "-s", "KILL", str(math.ceil(limits.timeout_s) + _START_S)),
        *("python3", *_PYTHON_OPTIONS, "-c", _CHILD.read_text(encoding="utf-8")),
    ]


def end_container(folder: str) -> None:
    """End the container of a process, which outlives the command that began it."""
    ending = [engine() or "podman", "rm", "--force", _name(folder)]
    subprocess.run(ending, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_ANSWER_S, check=False)


def _name(folder: str) -> str:
    """The name of a container, by the folder that its process has here, which no other has."""
    return f"{Path(folder).name}-{os.getpid()}"


def _variables(folder: str) -> dict[str, str]:
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    own = {"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
    return own | threads


def rights(is_container: bool, folder: str, process_id: int) -> dict[str, Any]:
    """Return what the process may read and call. In a container it may what the container lets it."""
    if is_container:
        return {"is_container": True, "folder": _FOLDER_IN_CONTAINER, "filter": ""}
    return {
        "is_container": False,
        "folder": folder,
        "libraries": [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")],
        "readable": [*_SYSTEM_FILES, str(Path(sys.base_prefix) / "lib")],
        "landlock": landlock_version(),
        "filter": filter_for(process_id, truncates=landlock_version() >= 3).hex(),
    }
