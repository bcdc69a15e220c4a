"""Attempts to get out of the sandbox of a program: each is a small program that gets to its end only if it got out.

They call the kernel themselves, past what Python's own rules would refuse. `PARENT`, `SECRET` and the other names in
capitals stand for what lies outside, and are set by `trying.py`, as are the numbers of the system calls.
"""

from __future__ import annotations

PRELUDE = """
import ctypes, os, signal, struct, sys, time
c = ctypes.CDLL(None, use_errno=True)
c.syscall.restype = ctypes.c_long
c.mmap.restype = ctypes.c_void_p
c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
AT, SOMEBODY = -100, 12345
kept = []

def ADDRESS(content):
    kept.append(ctypes.create_string_buffer(content, len(content)))
    return ctypes.addressof(kept[-1])

SPOT_OF_OWN = ADDRESS(bytes(8192))

def FSIZE(kind=1):
    return __import__("resource").getrlimit(kind)[0]

def given(value):
    if isinstance(value, str): return ctypes.c_char_p(os.fsencode(value))
    if isinstance(value, int): return ctypes.c_long(value)
    return value

def call(name, *arguments):
    number = NUMBERS[name] if isinstance(name, str) else name
    if number < 0: raise OSError(38, f"{name} is no call of this machine")
    ctypes.set_errno(0)
    result = c.syscall(ctypes.c_long(number), *map(given, arguments))
    if result < 0: raise OSError(ctypes.get_errno(), name)
    return result

def opened(path, flags=0, mode=0o600):
    return call("openat", AT, path, flags, mode)

def memory(size=4096):
    return ctypes.create_string_buffer(size)

def pair(kind):
    ends = (ctypes.c_int * 2)()
    call("socketpair", 1, kind, 0, ends)
    return ends

def address(path):
    return ctypes.create_string_buffer(struct.pack("H", 1) + os.fsencode(path) + bytes(1)), 3 + len(os.fsencode(path))
"""

FILES = {
    "reads a file of the user": "assert os.read(opened(SECRET), 1)",
    "reads /etc/passwd": "assert os.read(opened('/etc/passwd'), 1)",
    "lists a folder of the user": "assert call('getdents64', opened(OUTSIDE, os.O_DIRECTORY), memory(), 4096)",
    "writes to a file of the user": "os.write(opened(FILE, os.O_WRONLY), b'x')",
    "appends to a file of the user": "os.write(opened(FILE, os.O_WRONLY | os.O_APPEND), b'x')",
    "makes a file beside": "opened(f'{OUTSIDE}/made', os.O_WRONLY | os.O_CREAT)",
    "makes a file without a name beside": "os.write(opened(OUTSIDE, os.O_WRONLY | os.O_TMPFILE), b'x')",
    "makes a file in /tmp": "opened(f'/tmp/{MARK}', os.O_WRONLY | os.O_CREAT); os.unlink(f'/tmp/{MARK}')",
    "makes a file in /dev/shm": "opened(f'/dev/shm/{MARK}', os.O_WRONLY | os.O_CREAT); os.unlink(f'/dev/shm/{MARK}')",
    "makes a file in the folder above": "opened('../made', os.O_WRONLY | os.O_CREAT); os.unlink('../made')",
    "cuts a file by its path": "call('truncate', FILE, 0)",
    "cuts a file that it opens to read": "opened(FILE, os.O_RDONLY | os.O_TRUNC)",
    "makes a file with openat2": "call('openat2', AT, f'{OUTSIDE}/made', struct.pack('QQQ', 0o101, 0o600, 0), 24)",
    "removes a file": "call('unlinkat', AT, FILE, 0)",
    "takes a file into its folder": "call('renameat2', AT, FILE, AT, 'own', 0)",
    "puts a file out of its folder": "open('own', 'w').close(); call('renameat2', AT, 'own', AT, f'{OUTSIDE}/made', 0)",
    "exchanges a file": "open('own', 'w').close(); call('renameat2', AT, 'own', AT, FILE, 2)",
    "links a file into its folder": "call('linkat', AT, SECRET, AT, 'own', 0); assert os.read(opened('own'), 1)",
    "links a file out of its folder": "open('own', 'w').close(); call('linkat', AT, 'own', AT, f'{OUTSIDE}/made', 0)",
    "reads through a link": "call('symlinkat', SECRET, AT, 'own'); assert os.read(opened('own'), 1)",
    "makes a folder": "call('mkdirat', AT, f'{OUTSIDE}/made', 0o700)",
    "reads through a folder opened as a path": """
folder = opened(OUTSIDE, os.O_PATH)
assert os.read(call('openat', folder, 'secret', 0), 1)""",
    "reads through the working folder": "os.chdir(OUTSIDE); assert os.read(opened('secret'), 1)",
    "changes a mode": "call('fchmodat', AT, FILE, 0o777); assert os.stat(FILE).st_mode & 0o777 == 0o777",
    "changes a mode with fchmodat2": "call(452, AT, FILE, 0o777, 0); assert os.stat(FILE).st_mode & 0o777 == 0o777",
    "changes an owner": "call('fchownat', AT, FILE, SOMEBODY, SOMEBODY, 0); assert os.stat(FILE).st_uid == SOMEBODY",
    "changes a time": "call('utimensat', AT, FILE, bytes(32), 0); assert os.stat(FILE).st_mtime == 0",
    "sets an attribute": "call('setxattr', FILE, 'user.a', b'x', 1, 0)",
    "gives itself rights with setxattrat": """
every = 2**32 - 1
rights = struct.pack('<IHHIHHIHHIHHIHHI', 2, 1, 6, every, 2, 6, os.getuid(), 4, 0, every, 16, 6, every, 32, 0, every)
call(463, AT, SECRET, 0, 'system.posix_acl_access', struct.pack('QII', ADDRESS(rights), len(rights), 0), 16)""",
    "reads the flags of its file": "call('ioctl', opened('own', 0o102), 0x80086601, memory())",
    "sets flags of its file": "call('ioctl', opened('own', 0o102), 0x40086602, struct.pack('Q', 0x40))",
    "takes a lease": "call('fcntl', opened('own', 0o102), 1024, 1)",
    "is notified of a folder": "call('fcntl', opened('.', os.O_DIRECTORY), 1026, 4)",
    "writes to a file by sendfile": """
open('own', 'w').write('x')
call('sendfile', opened(FILE, 1), opened('own'), 0, 1)""",
}

SOCKETS = {
    **{
        f"opens a socket of {family}": f"call('socket', {number}, {kind}, {protocol})"
        for family, number, kind, protocol in (
            ("IPv4 streams", 2, 1, 0),
            ("IPv4 datagrams", 2, 2, 0),
            ("IPv6", 10, 1, 0),
            ("this machine", 1, 1, 0),
            ("routes", 16, 3, 0),
        )
    },
    "sends a datagram to a path": """
where, size = address(SOCKET); call('sendto', pair(2)[0], b'x', 1, 0, where, size)""",
    "sends a datagram to an abstract name": """
where, size = address('\\0' + ABSTRACT); call('sendto', pair(2)[0], b'x', 1, 0, where, size - 1)""",
    "connects a datagram socket of a pair": """
where, size = address(SOCKET); one = pair(2)[0]; call('connect', one, where, size); os.write(one, b'x')""",
    "sends a message to a path": """
where, size = address(SOCKET); part = struct.pack('QQ', ADDRESS(b'x'), 1)
header = struct.pack('QQQQQQQ', ctypes.addressof(where), size, ADDRESS(part), 1, 0, 0, 0)
call('sendmsg', pair(2)[0], header, 0)""",
    "sends many messages to a path": """
where, size = address(SOCKET); part = struct.pack('QQ', ADDRESS(b'x'), 1)
header = struct.pack('QQQQQQQQ', ctypes.addressof(where), size, ADDRESS(part), 1, 0, 0, 0, 0)
call('sendmmsg', pair(2)[0], header, 1, 0)""",
    "makes a pair of packets": "pair(5)",
    "connects with Python": "import socket; socket.create_connection(('127.0.0.1', PORT), 5)",
    "connects with the C library": """
s = c.socket(2, 1, 0); assert s >= 0
assert c.connect(s, struct.pack('>HHIQ', 0x0200, PORT, 0x7F000001, 0), 16) == 0""",
}

PROCESSES = {
    "forks": "call('fork') or os._exit(0)",
    "forks by clone": "call('clone', 17, 0, 0, 0, 0) or os._exit(0)",
    "forks with the C library": "one = c.fork(); assert one >= 0; one or os._exit(0)",
    "leaves a daemon": "call('clone', 17, 0, 0, 0, 0) or (os.setsid(), c.fork(), time.sleep(2), os._exit(0))",
    "becomes another program": "assert call('execve', '/bin/true', 0, 0)",
    "starts a program with the C library": "assert c.system(b'true') == 0",
    "spawns a program": """
number = ctypes.c_int()
assert c.posix_spawn(ctypes.byref(number), b'/bin/true', None, None, (ctypes.c_char_p * 2)(b'true'), None) == 0""",
    "opens a pipe to a program": "c.popen.restype = ctypes.c_void_p; assert c.popen(b'true', b'r')",
    "runs what it wrote": """
open('own', 'w').write('#!/bin/sh\\n'); call('fchmodat', AT, 'own', 0o700); call('execve', './own', 0, 0)""",
    "outlives its parent": "call('prctl', 1, 0, 0, 0, 0)",
    "asks for another signal at its parent's end": "call('prctl', 1, 10, 0, 0, 0)",
}

OTHERS = {
    "signals its parent": "call('kill', PARENT, 10)",
    "signals its parent by a number with more bits": "call('kill', (1 << 32) + PARENT, 10)",
    "signals the group of its parent": "call('kill', -PARENT_GROUP, 0)",
    "signals every process": "call('kill', -1, 0)",
    "signals the first process": "call('kill', 1, 0)",
    "signals a thread of its parent": "call('tgkill', PARENT, PARENT, 10)",
    "signals a thread by tkill": "call('tkill', PARENT, 10)",
    "queues a signal": "call('rt_sigqueueinfo', PARENT, 10, struct.pack('iii', 10, 0, -1) + bytes(116))",
    "has its parent signalled when a socket is read": """
ends = pair(1); call('fcntl', ends[0], 8, PARENT); call('fcntl', ends[0], 10, 10)
call('fcntl', ends[0], 4, 0o20000 | 0o4000); os.write(ends[1], b'x')""",
    "has its parent signalled by F_SETOWN_EX": """
ends = pair(1); call('fcntl', ends[0], 15, struct.pack('ii', 1, PARENT)); call('fcntl', ends[0], 10, 10)
call('fcntl', ends[0], 4, 0o20000 | 0o4000); os.write(ends[1], b'x')""",
    "has its parent signalled by FIOSETOWN": """
ends = pair(1); call('ioctl', ends[0], 0x8901, struct.pack('i', PARENT)); call('fcntl', ends[0], 10, 10)
call('fcntl', ends[0], 4, 0o20000 | 0o4000); os.write(ends[1], b'x')""",
    "has its parent signalled by SIOCSPGRP": """
ends = pair(1); call('ioctl', ends[0], 0x8902, struct.pack('i', PARENT)); call('fcntl', ends[0], 10, 10)
call('fcntl', ends[0], 4, 0o20000 | 0o4000); os.write(ends[1], b'x')""",
    "has its parent signalled by a pipe": """
one, other = os.pipe(); call('fcntl', one, 8, PARENT); call('fcntl', one, 10, 10)
call('fcntl', one, 4, 0o20000 | 0o4000); os.write(other, b'x')""",
    "reads memory of its parent": """
mine, theirs = struct.pack('QQ', ctypes.addressof(room := memory()), 8), struct.pack('QQ', SPOT, 8)
call('process_vm_readv', PARENT, mine, 1, theirs, 1, 0)""",
    "writes memory of its parent": """
mine, theirs = struct.pack('QQ', ctypes.addressof(room := memory()), 8), struct.pack('QQ', SPOT, 8)
call('process_vm_writev', PARENT, mine, 1, theirs, 1, 0)""",
    "slows its parent down": "call('setpriority', 0, PARENT, 0)",
    "limits its parent": "call('prlimit64', PARENT, 7, 0, memory(16))",
    "reads the environment of its parent": "assert os.read(opened(f'/proc/{PARENT}/environ'), 1)",
    "opens the memory of its parent": "opened(f'/proc/{PARENT}/mem', os.O_RDWR)",
    "goes through the root of its parent": "assert os.read(opened(f'/proc/{PARENT}/root{SECRET}'), 1)",
    "lists the descriptors of its parent": "opened(f'/proc/{PARENT}/fd', os.O_DIRECTORY)",
    "writes to its parent's settings": "opened(f'/proc/{PARENT}/oom_score_adj', os.O_WRONLY)",
    "writes its own memory": "opened('/proc/self/mem', os.O_RDWR)",
    "reads settings of the kernel": "opened('/proc/sys/kernel/hostname')",
    "lists processes": "opened('/proc', os.O_DIRECTORY)",
    "reads devices": "opened('/dev', os.O_DIRECTORY)",
    "opens the terminal": "opened('/dev/ptmx', os.O_RDWR)",
}

RIGHTS = {
    "gets a namespace of users": "call('unshare', 0x10000000)",
    "clones into a namespace": "call('clone', 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0)",
    "becomes root": "assert os.getuid(); call('setresuid', 0, 0, 0)",
    "becomes another user": "call('setuid', SOMEBODY)",
    "takes rights": "call('capset', struct.pack('Ii', 0x20080522, 0), struct.pack('IIIIII', *[2**32 - 1] * 6))",
    "lifts the limit of a file": """
call('prlimit64', 0, 1, struct.pack('QQ', 1 << 40, 1 << 40), 0)
assert FSIZE() > 1 << 39""",
    "lifts the limit of memory": "call('setrlimit', 9, struct.pack('QQ', 1 << 40, 1 << 40)); assert FSIZE(9) > 1 << 39",
    "can be looked at": "call('prctl', 4, 0, 0, 0, 0)",
    "calls by the numbers of x32": "call(0x40000000 + 39)",
    "calls as a program of 32 bits": """
assert os.uname().machine == 'x86_64', 'there are none'
place = c.mmap(None, 4096, 7, 0x22, -1, 0)
ctypes.memmove(place, bytes.fromhex('b814000000cd80c3'), 8)
assert ctypes.CFUNCTYPE(ctypes.c_int)(place)() == os.getpid()""",
}

RESOURCES = {
    "fills the disk with many files": """
for n in range(20):
    with open(str(n), 'wb') as file: file.write(bytes(10 << 20))
time.sleep(LINGER_S)""",
    "fills the disk with files that have no name": """
files = []
for n in range(20):
    files.append(open(str(n), 'wb')); os.unlink(str(n)); files[-1].write(bytes(10 << 20)); files[-1].flush()
time.sleep(LINGER_S)""",
    "reserves the disk": "call('fallocate', opened('own', 0o102), 1, 0, 4 << 30)",
    "reserves the disk with posix_fallocate": """
assert c.posix_fallocate(opened('own', 0o102), ctypes.c_long(0), ctypes.c_long(4 << 30)) == 0""",
    "makes a large file without content": "call('ftruncate', opened('own', 0o102), 4 << 30)",
    "writes far behind the start": "os.pwrite(opened('own', 0o102), b'x', 4 << 30)",
    "reserves the disk of its output": "call('fallocate', 1, 1, 0, 1 << 30)",
    "makes many files": "for n in range(3000): open(str(n), 'w').close()\ntime.sleep(LINGER_S)",
    "makes many folders": "for n in range(3000): os.mkdir(str(n))\ntime.sleep(LINGER_S)",
    "nests folders": "for n in range(3000): os.mkdir('d'); os.chdir('d')\ntime.sleep(LINGER_S)",
    "hides files in closed folders": """
for n in range(20):
    os.mkdir(str(n)); open(f'{n}/f', 'wb').write(bytes(10 << 20)); os.chmod(str(n), 0)
time.sleep(LINGER_S)""",
    "starts many threads": """
import threading
threading.stack_size(32768)
for n in range(500): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
time.sleep(LINGER_S)""",
    "starts many small threads": """
class Attributes(ctypes.Structure): _fields_ = [('room', ctypes.c_char * 64)]
own, number = Attributes(), ctypes.c_ulong()
assert c.pthread_attr_init(ctypes.byref(own)) == 0
assert c.pthread_attr_setstacksize(ctypes.byref(own), ctypes.c_size_t(16384)) == 0
for n in range(2000): assert c.pthread_create(ctypes.byref(number), ctypes.byref(own), c.pause, None) == 0
time.sleep(LINGER_S)""",
    "takes much memory": "assert c.mmap(None, 4 << 30, 3, 0x4022, -1, 0) not in (None, 2**64 - 1)",
    "opens many files": "for n in range(500): os.dup(0)",
    "takes much time": "deadline = time.monotonic() + 5\nwhile time.monotonic() < deadline: pass",
    "sleeps for long": "time.sleep(5)",
    "ignores every signal and goes on": """
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
deadline = time.monotonic() + 5
while time.monotonic() < deadline: pass""",
    "stops": "os.kill(os.getpid(), signal.SIGSTOP); time.sleep(5)",
    "writes much output": "for n in range(64): os.write(1, bytes(1 << 20))",
    "sends itself a signal at the limit": """
signal.signal(signal.SIGXFSZ, lambda *_: None)
open('own', 'wb').write(bytes(64 << 20))""",
}

KINDS = {
    "files": FILES,
    "sockets": SOCKETS,
    "processes": PROCESSES,
    "others": OTHERS,
    "rights": RIGHTS,
    "resources": RESOURCES,
}
ATTEMPTS = {name: code for attempts in KINDS.values() for name, code in attempts.items()}
