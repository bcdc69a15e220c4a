"""What a process uses is seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.scoring.confinement import ProgramLimits
from harness.scoring.confinement.process import excess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def watch(folder: Path, process: int, **bounds: int) -> str | None:
    limits = ProgramLimits(**{"threads": 1000, "disk_bytes": 1 << 20, "files": 20, **bounds})
    return excess(process, str(folder), limits)


@pytest.fixture(scope="module")
def idle() -> Iterator[int]:
    """A process with nothing of its own; that of the tests may have any number of threads and open files."""
    with running("") as process:
        yield process


@contextmanager
def running(program: str) -> Iterator[int]:
    """A program that has come to its end and waits there; gives its process's id."""
    code = f"{program}\nprint(flush=True)\ninput()\n"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}  # no file of pytest's
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


def test_what_is_within_its_bounds_is_no_excess(tmp_path: Path, idle: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert watch(tmp_path, idle) is None


def test_too_many_threads_are_seen(tmp_path: Path) -> None:
    with running("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()") as process:
        assert watch(tmp_path, process, threads=1) == "starts more than 1 threads"
        assert watch(tmp_path, process, threads=2) is None


def test_files_are_counted_in_folders_too(tmp_path: Path, idle: int) -> None:
    (tmp_path / "in").mkdir()
    for number in range(19):
        (tmp_path / "in" / str(number)).touch()
    assert watch(tmp_path, idle) is None
    for number in range(19, 30):
        (tmp_path / "in" / str(number)).touch()
    assert watch(tmp_path, idle) == "makes more than 20 files"


def test_what_is_written_is_measured_by_its_blocks(tmp_path: Path, idle: int) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert watch(tmp_path, idle) is None
    (tmp_path / "full").write_bytes(os.urandom(2 << 20))
    assert watch(tmp_path, idle) == "writes more than 1 MiB in all"


def test_a_file_without_a_name_counts_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    opened = f"import os; file = open({str(path)!r}, 'wb'); file.write(os.urandom(2 << 20)); file.flush()"
    with running(f"{opened}; os.unlink(file.name)") as process:
        assert not path.exists()
        assert watch(tmp_path, process) == "writes more than 1 MiB in all"


def test_a_process_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    assert watch(tmp_path, 2**22 + 1, threads=0) is None
