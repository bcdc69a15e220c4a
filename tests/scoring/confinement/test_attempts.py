"""No attempt of `attempts.py` gets out, whatever the kernel has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.scoring.confinement import sandboxes
from tests.scoring.confinement.attempts import ATTEMPTS
from tests.scoring.confinement.trying import escapes

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
NOBODY = "65534"
IS_ROOT = os.geteuid() == 0
TOUCHED_BY_LANDLOCK = ("--among", "files", "others")
#: What got out before there was an allow-list.
GOT_OUT = (
    *("gives itself rights with setxattrat", "sends a datagram to a path", "connects a datagram socket of a pair"),
    *("has its parent signalled when a socket is read", "has its parent signalled by F_SETOWN_EX"),
    *(
        "has its parent signalled by FIOSETOWN",
        "outlives its parent",
        "reserves the disk",
        "fills the disk with many files",
    ),
    *("fills the disk with files that have no name", "makes many files", "starts many threads"),
    *("starts many small threads", "takes a lease", "hides files in closed folders"),
)

needs_sandbox = pytest.mark.skipif(sandboxes.lacks("built-in") is not None, reason=str(sandboxes.lacks("built-in")))
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")


def tried(*options: str) -> list[str]:
    """What a run of the attempts in another setting tells."""
    command = [sys.executable, "-m", "tests.scoring.confinement.trying", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


@needs_sandbox
def test_no_attempt_gets_out() -> None:
    assert len(ATTEMPTS) >= 80
    assert escapes() == []


@pytest.mark.nightly
@needs_sandbox
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--landlock", "1", *TOUCHED_BY_LANDLOCK), id="Landlock of 5.13"),
        pytest.param(("--landlock", "3", *TOUCHED_BY_LANDLOCK), id="Landlock of 6.2"),
        pytest.param(("--landlock", "5", *TOUCHED_BY_LANDLOCK), id="Landlock of 6.10, no scopes"),
        pytest.param(("--user", NOBODY), id="an ordinary user", marks=as_root),
    ],
)
def test_no_attempt_gets_out_where_the_kernel_has_less(options: tuple[str, ...]) -> None:
    assert tried(*options) == []


@pytest.mark.nightly
def test_without_a_sandbox_most_attempts_get_out() -> None:
    """So those above are no attempts that fail by themselves; the rest needs root, or a kernel that has more."""
    found = tried("--possible", *(("--user", NOBODY) if IS_ROOT else ()))
    assert set(GOT_OUT) <= set(found)
    assert len(found) >= 90
