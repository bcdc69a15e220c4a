"""Hashes of files by content, remembered by what the file system says of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from harness.config import cache_dir
from harness.config.files import replacing

_TRUSTED_AFTER_NS = 2_000_000_000


def file_hash(path: Path) -> str:
    """SHA-256 of the file's content, in hex.

    A hash is looked up under the file's path, size, inode and times of change, so a file that did not change is read
    once only. A file that changed within the last two seconds is not remembered: it could change again without its
    times showing it.
    """
    real = path.resolve()
    before = real.stat()
    memory = cache_dir() / "hashes" / text_hash(str(real), *map(str, _identity(before)))
    with contextlib.suppress(OSError):
        if len(remembered := memory.read_text(encoding="ascii")) == 64:
            return remembered
    with real.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    is_old_enough = time.time_ns() - max(before.st_mtime_ns, before.st_ctime_ns) > _TRUSTED_AFTER_NS
    if is_old_enough and _identity(real.stat()) == _identity(before):
        with contextlib.suppress(OSError):  # without a writable cache folder every run reads the file again
            memory.parent.mkdir(parents=True, exist_ok=True)
            with replacing(memory) as draft:
                draft.write_text(digest, encoding="ascii")
    return digest


def text_hash(*texts: str) -> str:
    """SHA-256 over the texts and their borders, in hex."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def files_hash(folder: Path, names: Iterable[str]) -> str:
    """One hash over the named files of a folder: their names and contents."""
    return text_hash(*(part for name in sorted(names) for part in (name, file_hash(folder / name))))


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
