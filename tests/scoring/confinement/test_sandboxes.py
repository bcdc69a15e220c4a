"""A container, and what is said where a part of a sandbox is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import CheckError
from harness.scoring.confinement import ConfinedRun, ProgramLimits, sandboxes

pytestmark = pytest.mark.service


def ending(code: str, tests: str = "", *, sandbox: str = "container", **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits), sandbox).run()


@pytest.mark.nightly
def test_a_container_is_as_good_as_the_built_in_sandbox() -> None:
    if (lacks := sandboxes.lacks("container")) is not None:
        pytest.skip(lacks)
    assert ending("def f(): return 1", "assert f() == 1") is None
    assert ending("x = 1", "assert x == 2") == "AssertionError (line 1 of the tests: assert x == 2)"
    assert str(ending("import os; os.kill(os.getpid(), 15)")).startswith("ended with SIGTERM before")
    assert str(ending("while True: pass", timeout_s=1)).endswith(("after 1 s", "more than 1 s of CPU time"))
    assert str(ending("x = bytearray(10 << 30)")).startswith("needs more than 512 MiB")
    fill = "for n in range(20): open(str(n), 'wb').write(bytes(10 << 20))"
    assert str(ending(fill)).startswith("writes more than 64 MiB in all")
    assert str(ending("for _ in range(64): print('x' * (1 << 20))")).startswith("writes more than 16 MiB to a file")
    assert str(ending("import signal; signal.pause()", timeout_s=0.5)) == "still ran after 0.5 s"
    running = [str(sandboxes.engine()), "ps", "--all", "--quiet"]
    assert subprocess.run(running, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("engine", ["/usr/bin/podman", "/usr/bin/docker"])
def test_a_container_has_no_network_no_rights_and_bounds(engine: str) -> None:
    command = sandboxes.container(engine, ProgramLimits(timeout_s=2.5, threads=9), "its-name")
    assert command[:2] == [engine, "run"]
    options = command[2 : command.index(sandboxes.IMAGE)]
    assert {"--rm", "--interactive", "--pull=never", "--name=its-name", "--network=none", "--read-only"} <= {*options}
    assert {"--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534", "--pids-limit=10"} <= {*options}
    assert f"--memory={640 << 20}b" in options
    assert "--tmpfs=/program:rw,nosuid,nodev,noexec,mode=1777,size=67108864" in options
    assert ("--read-only-tmpfs=false" in options) == engine.endswith("podman")
    assert not any(option.startswith(("--volume", "--mount", "--privileged", "--device")) for option in options)
    inside = command[command.index(sandboxes.IMAGE) + 1 :]
    assert inside[:5] == ["timeout", "-s", "KILL", "63", "python3"]
    assert "def restrict" in inside[-1]


class TestMissingParts:
    def test_without_its_extra_it_is_refused_with_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyseccomp", None)
        with pytest.raises(CheckError, match=r"needs pyseccomp, not installed here: pip install .*\[code\]"):
            ending("pass", sandbox="built-in")

    def test_without_libseccomp_it_is_refused_with_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')\n")
        monkeypatch.delitem(sys.modules, "pyseccomp", raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(CheckError) as raised:
            ending("pass", sandbox="built-in")
        assert "runs: the filter of system calls is built by libseccomp, which is not here" in str(raised.value)
        assert "apt-get install libseccomp2" in str(raised.value)
        assert 'Set sandbox = "container" in [tool.steelyard]' in str(raised.value)

    @pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
    def test_without_landlock_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandboxes, "landlock_version", lambda: 0)
        with pytest.raises(CheckError, match="has no Landlock, or it is switched off: nothing would guard files"):
            ending("pass", sandbox="built-in")

    def test_elsewhere_than_on_linux_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandboxes.sys, "platform", "darwin")
        assert 'sandbox = "built-in" is made of what Linux has' in str(sandboxes.lacks("built-in"))

    def test_without_podman_and_docker_there_is_no_container(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        sandboxes._lacks_container.cache_clear()
        try:
            with pytest.raises(CheckError, match=r"neither podman nor docker is installed\. Install podman"):
                ending("pass")
        finally:
            sandboxes._lacks_container.cache_clear()
