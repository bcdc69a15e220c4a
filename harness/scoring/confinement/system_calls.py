"""Which system calls a confined program may not make, as a filter that Linux applies (seccomp, classic BPF).

The numbers are those of the kernel's `unistd` headers. What a filter refuses ends in `PermissionError`; changing modes,
owners and times, which Landlock does not restrict, does nothing instead, so that copying a file still works.
"""

from __future__ import annotations

import struct

_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name → number on x86-64, on ARM64; None where the machine has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # The network; `socketpair`, which asyncio needs, stays.
    "socket": (41, 198),
    # Other programs and processes; threads stay.
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # Processes that are there already, the test process above all.
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    # Memory that the limit of the address space does not count.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # Ways round a filter, and parts of the kernel that few programs need.
    "io_uring_setup": (425, 425),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
_IGNORED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
# Allowed on the process itself.
_ON_ITSELF: dict[str, tuple[int | None, int | None]] = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_CLONE_THREAD = 0x00010000
_X32_CALLS = 0x40000000

_LOAD, _IS, _REACHES, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38


def filter_for(machine: str, process_id: int) -> bytes | None:
    """The filter for one process, as an array of `struct sock_filter`; None for a machine whose numbers aren't here.

    Args:
        machine: as `platform.machine()` names it.
        process_id: of the process that it is for.
    """
    if machine not in _MACHINES:
        return None
    column = list(_MACHINES).index(machine)
    code = [
        _step(_LOAD, _MACHINE),
        _step(_IS, _MACHINES[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_REACHES, _X32_CALLS, 0, 1),
        _step(_RETURN, _ERRNO | _ENOSYS),
    ]
    for calls, answer in ((_REFUSED, _EPERM), (_IGNORED, 0)):
        for numbers in calls.values():
            if (number := numbers[column]) is not None:
                code += [_step(_IS, number, 0, 1), _step(_RETURN, _ERRNO | answer)]
    # glibc falls back to `clone`, whose flags a filter can see.
    code += [_step(_IS, _CLONE3[column], 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]
    code += _first_argument(_CLONE[column], [_step(_HAS_BIT, _CLONE_THREAD, 1, 0)])
    for numbers in _ON_ITSELF.values():
        number = numbers[column]
        assert number is not None
        itself = [_step(_IS, process_id, 1, 0)]
        if numbers is _ON_ITSELF["prlimit64"]:
            itself = [_step(_IS, 0, 2, 0), *itself]
        code += _first_argument(number, itself)
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _first_argument(number: int, tests: list[bytes]) -> list[bytes]:
    """Steps for one call, which is refused unless a test of its first argument jumps over the refusal."""
    body = [_step(_LOAD, _FIRST_ARGUMENT), *tests, _step(_RETURN, _ERRNO | _EPERM), _step(_RETURN, _ALLOW)]
    return [_step(_IS, number, 0, len(body)), *body]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
