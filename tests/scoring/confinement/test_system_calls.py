"""The filter of system calls, read step by step as the kernel reads it."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from harness.scoring.confinement import system_calls
from harness.scoring.confinement.system_calls import filter_for

PID = 4242
X86_64, ARM64 = 0xC000003E, 0xC00000B7
ALLOWED, KILLED = "allowed", "killed"
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), 0),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), 1),
}


def verdict(steps: bytes, machine: int, number: int, first: int = 0) -> str | int:
    """What the filter answers: allowed, killed, or the error number of the call."""
    data = struct.pack("=IIQQ", number, machine, 0, first)
    program = list(struct.iter_unpack("=HBBI", steps))
    place, loaded = 0, 0
    while True:
        code, if_true, if_false, value = program[place]
        place += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            names = {0x7FFF0000: ALLOWED, 0x80000000: KILLED}
            return names.get(value, value & 0xFFFF)
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
            place += if_true if holds else if_false


@pytest.mark.parametrize(("machine", "architecture", "column"), [("x86_64", X86_64, 0), ("aarch64", ARM64, 1)])
def test_each_call_gets_its_answer(machine: str, architecture: int, column: int) -> None:
    steps = filter_for(machine, PID)
    assert steps is not None
    for calls, answer in ((system_calls._REFUSED, 1), (system_calls._IGNORED, 0)):
        for name, numbers in calls.items():
            if (number := numbers[column]) is not None:
                assert (name, verdict(steps, architecture, number)) == (name, answer)
    clone3, clone = system_calls._CLONE3[column], system_calls._CLONE[column]
    assert verdict(steps, architecture, clone3) == 38
    assert verdict(steps, architecture, clone, first=17) == 1
    assert verdict(steps, architecture, clone, first=0x3D0F00) == ALLOWED
    kill, limits = (system_calls._ON_ITSELF[name][column] or -1 for name in ("kill", "prlimit64"))
    assert [verdict(steps, architecture, kill, first=pid) for pid in (PID, PID + 1, 0, 2**32 - 1)] == [ALLOWED, 1, 1, 1]
    assert [verdict(steps, architecture, limits, first=pid) for pid in (PID, PID + 1, 0)] == [ALLOWED, 1, ALLOWED]


def test_other_calls_are_allowed() -> None:
    steps = filter_for("x86_64", PID)
    assert steps is not None
    read, write, mmap, openat, socketpair, exit_group = 0, 1, 9, 257, 53, 231
    numbers = (read, write, mmap, openat, socketpair, exit_group)
    assert {verdict(steps, X86_64, number) for number in numbers} == {ALLOWED}


def test_the_calls_of_another_machine_are_no_way_round() -> None:
    steps = filter_for("x86_64", PID)
    assert steps is not None
    i386 = 0x40000003
    assert verdict(steps, i386, 1) == KILLED
    assert verdict(steps, X86_64, 0x40000000 + 1) == 38


def test_there_is_no_filter_for_a_machine_whose_numbers_are_unknown() -> None:
    assert filter_for("riscv64", PID) is None


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    path, column = HEADERS[machine]
    if not path.is_file():
        pytest.skip(f"{path} is not installed")
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", path.read_text())}
    ours = {**system_calls._REFUSED, **system_calls._IGNORED, **system_calls._ON_ITSELF}
    assert {name: numbers[column] for name, numbers in ours.items()} == {name: known.get(name) for name in ours}
