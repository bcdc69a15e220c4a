"""The filter of system calls, read step by step as the kernel reads it."""

from __future__ import annotations

import struct

import pytest

from harness.scoring.confinement import system_calls
from harness.scoring.confinement.system_calls import ALLOWED, REFUSED, filter_for, libseccomp

seccomp = libseccomp()
if seccomp is None:
    pytest.skip("libseccomp is not installed", allow_module_level=True)

PID = 4242
MACHINE = seccomp.system_arch()
PERMITTED, KILLED = "permitted", "killed"
EPERM, ENOSYS, EOPNOTSUPP = 1, 38, 95
HIGHEST = 1024


def number(name: str) -> int:
    return int(seccomp.resolve_syscall(seccomp.Arch.NATIVE, name))


def verdict(steps: bytes, call: str | int, *arguments: int, machine: int = MACHINE) -> str | int:
    """What the filter answers: permitted, killed, or the error number of the call."""
    called = number(call) if isinstance(call, str) else call
    given = [argument & (2**64 - 1) for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("=IIQ6Q", called, machine, 0, *given)
    program = list(struct.iter_unpack("=HBBI", steps))
    place, loaded = 0, 0
    while True:
        code, if_true, if_false, value = program[place]
        place += 1
        match code:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
            case 0x54:
                loaded &= value
            case 0x05:
                place += value
            case 0x06:
                return {0x7FFF0000: PERMITTED, 0x80000000: KILLED}.get(value, value & 0xFFFF)
            case _:
                holds = {0x15: loaded == value, 0x25: loaded > value, 0x35: loaded >= value}[code]
                place += if_true if holds else if_false


@pytest.fixture(scope="module")
def steps() -> bytes:
    built = filter_for(PID)
    assert built is not None
    return built


def test_each_call_gets_its_answer(steps: bytes) -> None:
    for names, answer in (
        (ALLOWED, PERMITTED),
        (REFUSED, EPERM),
        (system_calls._IGNORED, 0),
        (system_calls._UNSUPPORTED, EOPNOTSUPP),
    ):
        for name in names:
            if number(name) >= 0:
                assert (name, verdict(steps, name)) == (name, answer)


def test_no_call_is_in_two_lists() -> None:
    lists = [*ALLOWED, *REFUSED, *system_calls._IGNORED, *system_calls._UNSUPPORTED]
    by_argument = {name for name, _ in system_calls._by_argument(seccomp)}
    assert len(lists) == len(set(lists))
    assert not by_argument & set(lists)


def test_what_is_in_no_list_is_refused_calls_that_nobody_knows_yet_among_it(steps: bytes) -> None:
    lists = [*ALLOWED, *REFUSED, *system_calls._IGNORED, *system_calls._UNSUPPORTED]
    listed = {number(name) for name in lists}
    listed |= {number(name) for name, _ in system_calls._by_argument(seccomp)}
    others = set(range(HIGHEST)) - listed
    assert len(others) > 500
    assert {verdict(steps, other) for other in others} == {ENOSYS}
    assert {463, 464, 465, 466, 467, 600} <= others


OWN, OTHER = PID, PID + 1


@pytest.mark.parametrize(
    ("call", "arguments", "answer"),
    [
        ("clone", (0x3D0F00,), PERMITTED),
        ("clone", (17,), EPERM),
        ("clone", (0x3D0F00 | 0x40000000,), ENOSYS),
        ("clone", (0x3D0F00 | 0x10000000,), ENOSYS),
        ("clone3", (), ENOSYS),
        ("kill", (OWN,), PERMITTED),
        ("kill", (2**32 + OWN,), PERMITTED),
        ("kill", (OTHER,), ENOSYS),
        ("kill", (0,), ENOSYS),
        ("kill", (-1,), ENOSYS),
        ("kill", (-OWN,), ENOSYS),
        ("tgkill", (OWN,), PERMITTED),
        ("tgkill", (OTHER,), ENOSYS),
        ("prlimit64", (0,), PERMITTED),
        ("prlimit64", (OWN,), PERMITTED),
        ("prlimit64", (OTHER,), ENOSYS),
        ("socketpair", (1, 1), PERMITTED),
        ("socketpair", (1, 1 | 0x80800), PERMITTED),
        ("socketpair", (1, 2), ENOSYS),
        ("socketpair", (1, 5), ENOSYS),
        ("socketpair", (2, 1), ENOSYS),
        ("sendto", (3, 0, 0, 0, 0), PERMITTED),
        ("sendto", (3, 0, 0, 0, 0xDEAD), ENOSYS),
        ("fcntl", (0, 3), PERMITTED),
        ("fcntl", (0, 8), ENOSYS),
        ("fcntl", (0, 10), ENOSYS),
        ("fcntl", (0, 15), ENOSYS),
        ("fcntl", (0, 1024), ENOSYS),
        ("fcntl", (0, 1026), ENOSYS),
        ("fcntl", (0, 1031), ENOSYS),
        ("ioctl", (0, 0x5401), PERMITTED),
        ("ioctl", (0, 0x5412), ENOSYS),
        ("ioctl", (0, 0x8901), ENOSYS),
        ("ioctl", (0, 0x8902), ENOSYS),
        ("ioctl", (0, 0x40086602), ENOSYS),
        ("prctl", (15,), PERMITTED),
        ("prctl", (1,), ENOSYS),
        ("prctl", (4,), ENOSYS),
        ("prctl", (22,), ENOSYS),
    ],
)
def test_some_arguments_alone_are_allowed(steps: bytes, call: str, arguments: tuple[int, ...], answer) -> None:
    assert verdict(steps, call, *arguments) == answer


def test_a_file_is_cut_by_nobody_who_can_not_write_it(steps: bytes) -> None:
    read, write, both, cut = 0, 1, 2, 0x200
    assert verdict(steps, "truncate") == ENOSYS
    assert verdict(filter_for(PID, truncates=True), "truncate") == PERMITTED
    assert [verdict(steps, "openat", 0, 0, flags) for flags in (read, write, both)] == [PERMITTED] * 3
    assert [verdict(steps, "openat", 0, 0, flags | cut) for flags in (read, write, both)] == [ENOSYS, *[PERMITTED] * 2]
    if number("open") >= 0:
        assert [verdict(steps, "open", 0, flags | cut) for flags in (read, write, both)] == [ENOSYS, *[PERMITTED] * 2]


def test_the_calls_of_another_machine_are_no_way_round(steps: bytes) -> None:
    assert verdict(steps, 1, machine=seccomp.Arch.X86) == KILLED
    if seccomp.Arch.X86_64 == MACHINE:
        assert verdict(steps, 0x40000000 + 1) == KILLED


def test_the_filter_is_of_the_process_that_it_is_for() -> None:
    first, second = filter_for(17), filter_for(18)
    assert first is not None
    assert second is not None
    assert (verdict(first, "kill", 17), verdict(second, "kill", 17)) == (PERMITTED, ENOSYS)
