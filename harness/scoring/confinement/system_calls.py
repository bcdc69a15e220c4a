"""Lists the system calls that a confined program may make, for a filter of Linux (seccomp) that libseccomp builds.

What is not in a list here is refused with ENOSYS, calls that kernels get only after this was written among it: the C
library then falls back on an older way, or the program reads "Function not implemented". Calls that a program may well
try get EPERM instead, which Python raises as `PermissionError`. Changing modes, owners and times, which Landlock does
not restrict, does nothing, so that copying a file still works.
"""

from __future__ import annotations

import functools
import struct
import tempfile
from types import ModuleType
from typing import Any

_FILES = (
    *("read", "write", "close", "close_range", "lseek", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev"),
    *("preadv2", "pwritev2", "sendfile", "creat", "dup", "dup2", "dup3", "pipe", "pipe2"),
    *("stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2"),
    *("getdents", "getdents64", "getcwd", "chdir", "fchdir", "umask", "readlink", "readlinkat"),
    *("mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("unlink", "unlinkat", "ftruncate", "fsync", "fdatasync", "fadvise64", "flock"),
    *("poll", "ppoll", "select", "pselect6", "eventfd", "eventfd2"),
    *("epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2"),
)
_MEMORY = ("mmap", "munmap", "mprotect", "mremap", "brk", "madvise", "msync", "membarrier")
_ITSELF = (
    *("exit", "exit_group", "getpid", "gettid", "getppid", "getpgid", "getpgrp", "getsid"),
    *("uname", "sysinfo", "getcpu"),
    *("getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget", "wait4", "waitid"),
    *("getrlimit", "setrlimit", "getrusage", "times", "getpriority", "sched_yield", "sched_getaffinity"),
    *("sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min"),
    *("futex", "futex_wait", "futex_wake", "futex_waitv", "set_tid_address", "set_robust_list", "rseq", "arch_prctl"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend"),
    *("sigaltstack", "pause", "alarm", "setitimer", "getitimer", "restart_syscall", "getrandom"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time"),
    # Of the two ends of a `socketpair`, which asyncio needs.
    *("recvfrom", "shutdown", "getsockopt", "getsockname", "getpeername"),
)
ALLOWED = (*_FILES, *_MEMORY, *_ITSELF)

REFUSED = (
    # The network, sockets of this machine among it.
    *("socket", "bind", "connect", "listen", "accept", "accept4", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg"),
    # Other programs and processes; threads stay.
    *("fork", "vfork", "execve", "execveat", "setsid", "setpgid"),
    # Processes that are there already, the test process above all.
    *("tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "ptrace"),
    *("process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "setpriority", "ioprio_set"),
    *("sched_setaffinity", "sched_setscheduler", "sched_setattr", "sched_setparam"),
    # Memory that the limit of the address space does not count.
    *("memfd_create", "memfd_secret", "shmget", "shmat", "msgget", "semget", "mq_open"),
    # Ways round a filter, and parts of the kernel that few programs need.
    *("io_uring_setup", "unshare", "setns", "bpf", "perf_event_open", "userfaultfd"),
    *("add_key", "request_key", "keyctl"),
    *("mount", "umount2", "pivot_root", "chroot", "mknod", "mknodat", "setuid", "setgid", "setresuid", "setresgid"),
)
_IGNORED = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
)
# posix_fallocate then writes zeros, which the limits count.
_UNSUPPORTED = (
    "fallocate",
    *(f"{kind}{what}" for kind in ("", "l", "f") for what in ("getxattr", "setxattr", "listxattr", "removexattr")),
)

_EPERM, _ENOSYS, _EOPNOTSUPP = 1, 38, 95
_WORD = 0xFFFFFFFF
_OWN_PROCESS = 0x3FFFFFFF
"""Stands for the number of the process while the filter is built; above any that Linux gives."""
_THREAD, _NEW_NAMESPACES = 0x00010000, 0x7E020080
_LOCAL_FAMILY, _STREAM, _STREAM_OPTIONS = 1, 1, 0x80800
# To duplicate a descriptor, its flags, locks, and how much a pipe holds; not F_SETOWN and its kin, which send signals.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
# Of terminals TCGETS and TIOCGWINSZ; FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; not FIOSETOWN, nor flags of files.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# The name of a thread, and of memory; not whether it ends with its parent.
_PRCTL = (15, 16, 0x53564D41)
_TRUNCATE, _ACCESS_MODES = 0x200, (1, 2)


def libseccomp() -> ModuleType | None:
    """The binding of libseccomp; None where it, or the library itself, is not installed."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError, AttributeError):
        return None
    return pyseccomp  # type: ignore[no-any-return]


def filter_for(process_id: int, *, truncates: bool = False) -> bytes:
    """The filter for one process, as an array of `struct sock_filter`.

    Args:
        truncates: whether a file may be cut by its path: where Landlock restricts that (from Linux 6.2).
    """
    return b"".join(
        struct.pack("=HBBI", code, yes, no, process_id if value == _OWN_PROCESS else value)
        for code, yes, no, value in struct.iter_unpack("=HBBI", _template(truncates))
    )


@functools.cache
def _template(truncates: bool) -> bytes:
    library = libseccomp()
    assert library is not None
    built = library.SyscallFilter(library.ERRNO(_ENOSYS))
    built.set_attr(library.Attr.ACT_BADARCH, library.KILL_PROCESS)
    for names, answer in (
        (ALLOWED, library.ALLOW),
        (REFUSED, library.ERRNO(_EPERM)),
        (_IGNORED, library.ERRNO(0)),
        (_UNSUPPORTED, library.ERRNO(_EOPNOTSUPP)),
    ):
        for name in names:
            _add(library, built, answer, name)
    # A new process; a program reads "Operation not permitted", not that there is no such call.
    is_no_thread = library.Arg(0, library.MASKED_EQ, _THREAD, 0)
    _add(library, built, library.ERRNO(_EPERM), "clone", is_no_thread)
    for name, tests in _by_argument(library):
        _add(library, built, library.ALLOW, name, *tests)
    if truncates:
        _add(library, built, library.ALLOW, "truncate")
    with tempfile.TemporaryFile() as file:
        built.export_bpf(file)
        file.seek(0)
        return file.read()


def _by_argument(library: ModuleType) -> list[tuple[str, tuple[Any, ...]]]:
    """Calls that are allowed with some arguments alone; a call may be there more than once."""

    def bits(place: int, mask: int, value: int) -> Any:
        return library.Arg(place, library.MASKED_EQ, mask, value)

    def word(place: int, value: int) -> Any:
        """The kernel reads no more than 32 bits of it."""
        return bits(place, _WORD, value)

    own = word(0, _OWN_PROCESS)
    rules = [
        ("clone", (bits(0, _THREAD | _NEW_NAMESPACES, _THREAD),)),
        ("kill", (own,)),
        ("tgkill", (own,)),
        ("prlimit64", (own,)),
        ("prlimit64", (word(0, 0),)),
        # A pair of datagram sockets could send to any socket that has a path; a connected stream can't.
        ("socketpair", (word(0, _LOCAL_FAMILY), bits(1, _WORD & ~_STREAM_OPTIONS, _STREAM))),
        ("sendto", (library.Arg(4, library.EQ, 0),)),
        *(("fcntl", (word(1, command),)) for command in _FCNTL),
        *(("ioctl", (word(1, command),)) for command in _IOCTL),
        *(("prctl", (word(0, command),)) for command in _PRCTL),
    ]
    # To cut a file takes the right to write it, which Landlock asks for before Linux 6.2, too.
    for name, place in (("open", 1), ("openat", 2)):
        rules += [(name, (bits(place, mode, mode),)) for mode in _ACCESS_MODES]
        rules.append((name, (bits(place, _TRUNCATE, 0),)))
    return rules


def _add(library: ModuleType, built: Any, answer: int, name: str, *tests: Any) -> None:
    """Add a rule for a call that this machine, and this libseccomp, has."""
    if library.resolve_syscall(library.Arch.NATIVE, name) >= 0:
        built.add_rule(answer, name, *tests)
