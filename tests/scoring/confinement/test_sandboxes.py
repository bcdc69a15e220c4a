"""Stronger walls around the built-in ones, and what is said where a wall is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import CheckError
from harness.scoring.confinement import ConfinedRun, ProgramLimits, sandboxes

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
KEEP = """
import os
files = []
def kept(n):
    files.append(open(str(n), 'wb', 0))
    os.unlink(str(n))
    return files[-1]
"""


def ending(sandbox: str, code: str, tests: str = "", **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits), sandbox).run()


@pytest.fixture(params=["bubblewrap", "podman", "docker"])
def sandbox(request: pytest.FixtureRequest) -> str:
    """One that works here."""
    name = str(request.param)
    if (lacks := sandboxes.lacks(name)) is not None:
        pytest.skip(lacks)
    return name


class TestStrongerWalls:
    def test_a_program_gets_to_its_end_or_says_what_stopped_it(self, sandbox: str) -> None:
        assert ending(sandbox, "def f(): return 1", "assert f() == 1") is None
        assert ending(sandbox, "x = 1", "assert x == 2") == "AssertionError (line 1 of the tests: assert x == 2)"
        assert str(ending(sandbox, "import os; os.kill(os.getpid(), 15)")).startswith("ended with SIGTERM before")
        assert str(ending(sandbox, "raise SystemExit(3)")).startswith("sys.exit(3) before the end")

    def test_its_limits_hold(self, sandbox: str) -> None:
        assert ending(sandbox, "while True: pass", timeout_s=1) in (
            "still ran after 1 s",
            "used more than 1 s of CPU time",
        )
        assert str(ending(sandbox, "x = bytearray(10 << 30)")).startswith("needs more than 512 MiB")
        fill = "for n in range(20): open(str(n), 'wb').write(bytes(10 << 20))\nimport time; time.sleep(1)"
        assert str(ending(sandbox, fill)).startswith("writes more than 64 MiB in all")
        nameless = fill.replace("open(str(n), 'wb')", "kept(n)")
        assert str(ending(sandbox, KEEP + nameless)).startswith("writes more than 64 MiB in all")
        flood = "for _ in range(64): print('x' * (1 << 20))"
        assert str(ending(sandbox, flood)).startswith("writes more than 16 MiB to a file or as output")

    def test_it_sees_neither_the_files_nor_the_processes_outside(self, sandbox: str, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("s3cret")
        look = f"import os; os.stat({str(tmp_path / 'secret')!r})"
        assert str(ending(sandbox, look)).startswith("FileNotFoundError")
        assert ending(sandbox, "import os", f"assert os.getpid() < 100 and os.getppid() != {os.getpid()}") is None

    def test_nothing_of_it_stays(self, sandbox: str) -> None:
        ending(sandbox, "import time; open('file', 'w').write('x'); time.sleep(60)", timeout_s=0.5)
        if sandbox in ("podman", "docker"):
            running = subprocess.run([sandbox, "ps", "--all", "--quiet"], capture_output=True, text=True, check=True)
            assert running.stdout == ""


def test_packages_can_be_imported_in_bubblewrap() -> None:
    if (lacks := sandboxes.lacks("bubblewrap")) is not None:
        pytest.skip(lacks)
    assert ending("bubblewrap", "import numpy", "assert numpy.arange(3).sum() == 3", memory_bytes=1 << 30) is None


@pytest.mark.parametrize("program", ["podman", "docker"])
def test_a_container_has_no_network_no_rights_and_bounds(program: str) -> None:
    command = sandboxes.command(program, "/folder", ProgramLimits(timeout_s=2.5, threads=9), "its-name")
    assert command[:2] == [program, "run"]
    options = command[2 : command.index(sandboxes.IMAGE)]
    assert {"--rm", "--interactive", "--pull=never", "--name=its-name", "--network=none", "--read-only"} <= {*options}
    assert {"--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534", "--pids-limit=10"} <= {*options}
    assert f"--memory={640 << 20}b" in options
    assert "--tmpfs=/program:rw,nosuid,nodev,noexec,mode=1777,size=67108864" in options
    assert ("--read-only-tmpfs=false" in options) == (program == "podman")
    assert not any(option.startswith(("--volume", "--mount", "--privileged", "--device")) for option in options)
    inside = command[command.index(sandboxes.IMAGE) + 1 :]
    assert inside[:5] == ["timeout", "-s", "KILL", "63", "python3"]
    assert "def wall_in" in inside[-1]


class TestMissingWalls:
    def test_without_libseccomp_it_is_refused_with_what_to_do(self) -> None:
        said = without_libseccomp("built-in")
        assert "CheckError: runs: the filter of system calls is built by libseccomp, which is not here" in said
        assert "apt-get install libseccomp2" in said
        assert 'sandbox = "weaker"' in said

    def test_weaker_walls_stand_without_it_where_they_are_asked_for(self) -> None:
        assert without_libseccomp("weaker").endswith("ended: None\n")

    @pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
    def test_without_landlock_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandboxes, "landlock_version", lambda: 0)
        with pytest.raises(CheckError, match="has no Landlock, or it is switched off: nothing would guard files"):
            ending("built-in", "pass")
        assert ending("weaker", "pass") is None

    def test_elsewhere_than_on_linux_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandboxes.sys, "platform", "darwin")
        assert 'the walls of sandbox = "built-in" are Linux\'s' in str(sandboxes.missing("built-in"))

    def test_a_program_that_is_not_installed_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        sandboxes.lacks_program.cache_clear()
        try:
            assert str(sandboxes.missing("docker")).startswith(
                "docker is not installed. Install podman or docker and set"
            )
            assert str(sandboxes.missing("bubblewrap")).startswith("bwrap is not installed")
        finally:
            sandboxes.lacks_program.cache_clear()


def without_libseccomp(sandbox: str) -> str:
    """What a run tells in a process where pyseccomp can't be imported."""
    code = (
        "import sys; sys.modules['pyseccomp'] = None\n"
        "from harness.scoring.confinement import ConfinedRun, ProgramLimits\n"
        f"print('ended:', ConfinedRun('pass', '', ProgramLimits(), {sandbox!r}).run())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
