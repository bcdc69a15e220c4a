"""`make` installs once, what a command needs, says what it lacks, and never takes half an install for a whole one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[1]

# Stands in for uv: notes what it was asked for, makes the environment, and fails where FAIL is among the words.
FAKE_UV = """#!/bin/sh
case "$*" in
  --version) exit "${NO_UV:-0}" ;;
  *"venv "*) for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/python" ;;
esac
echo "$*" >> "$CALLS"
case "$*" in *"${FAIL:-nothing fails}"*) exit 1 ;; esac
"""
GATE = ["venv", "--requirement requirements-gate.lock", "torch~=", "--editable"]
TESTS = ["pip sync", "torch~=", "--requirement .ci/neighbours.lock", "--editable"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that an install reads, and a uv that only pretends."""
    for name in ("Makefile", "requirements.lock", "requirements-gate.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    write_program(tmp_path / "bin" / "uv", FAKE_UV)
    return tmp_path


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # `make test VENV=…` hands its own variables down to here, and would have them installed into.
    own = ("MAKE", "MFLAGS", "PYTHON", "VENV", "CANDIDATE", "BASELINE", "SUITES", "ARGS", "WORKERS")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    plain |= {"PATH": f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}", "CALLS": str(project / "calls")}
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env={**plain, **environment},
    )


def install(project: Path, stamp: str = ".tests", **environment: str) -> list[str]:
    """Make an environment; the calls of uv that it took."""
    (project / "calls").write_text("", encoding="utf-8")
    done = make(project, f".venv/{stamp}", **environment)
    assert (done.returncode == 0) == ("FAIL" not in environment), done.stderr
    return (project / "calls").read_text(encoding="utf-8").splitlines()


def assert_calls(calls: list[str], parts: list[str]) -> None:
    assert [part for part, call in zip(parts, calls, strict=True) if part not in call] == []


def test_make_alone_lists_the_commands() -> None:
    text = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True
    ).stdout
    for target in ("gate", "test", "check", "bench", "lock", "clean", "help"):
        assert f"\n  {target} " in text


def test_a_gate_installs_its_part_and_the_tests_the_rest(project: Path) -> None:
    assert_calls(install(project, ".gate"), GATE)
    assert_calls(install(project), TESTS)
    assert install(project) == []


def test_a_gate_after_the_tests_installs_nothing(project: Path) -> None:
    assert_calls(install(project), ["venv", *TESTS])
    assert install(project, ".gate") == []


def test_a_gate_on_other_suites_installs_all(project: Path) -> None:
    assert ".venv/.gate" in make(project, "-n", "gate", "SUITES=suites/foundation/test_format.py").stdout
    assert "pip sync" in make(project, "-n", "gate", "SUITES=suites/foundation suites/data").stdout


@pytest.mark.parametrize(
    ("name", "steps"), [("requirements.lock", TESTS), (".ci/neighbours.lock", TESTS), ("pyproject.toml", TESTS[-1:])]
)
def test_what_changed_is_installed_again(project: Path, name: str, steps: list[str]) -> None:
    install(project)
    os.utime(project / name, (2**32, 2**32))
    assert_calls(install(project), steps)


@pytest.mark.parametrize("step", ["sync", "torchvision", "neighbours", "--editable"])
def test_an_install_that_fails_leaves_no_stamp(project: Path, step: str) -> None:
    install(project)
    os.utime(project / "requirements.lock", (2**32, 2**32))
    install(project, FAIL=step)
    assert not list((project / ".venv").glob(".[gt]*"))


def test_a_failed_install_ends_in_a_sentence(project: Path) -> None:
    done = make(project, "gate", FAIL="--requirement")
    assert done.returncode != 0
    assert "It needs a network and, for what has no wheel for this Python, a compiler." in done.stderr


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ('echo Python 3.10.13; [ "$1" = -V ]', "Steelyard needs Python 3.11 or newer; '{}' is Python 3.10.13."),
        ("exit 127", "Steelyard needs Python 3.11 or newer; '{}' is not there."),
        ('case "$*" in *ensurepip*) exit 1 ;; esac', "'{}' can't make virtual environments."),
        (
            'case "$*" in *pip*install*) exit 1 ;; esac; mkdir -p .venv-uv/bin; ln -sf "$0" .venv-uv/bin/python',
            "uv, which",
        ),
    ],
    ids=["old", "absent", "without venv", "without network"],
)
def test_a_machine_that_lacks_something_is_told_in_a_sentence(project: Path, program: str, line: str) -> None:
    """The machine has no uv."""
    python = project / "python"
    write_program(python, f"#!/bin/sh\n{program}\n")
    done = make(project, f"PYTHON={python}", "gate", NO_UV="1")
    assert done.returncode != 0
    assert done.stderr.startswith(line.format(python))
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("exit_code", "candidate", "line"),
    [
        (1, "smollm2-pruned", "That is right: smollm2-pruned lacks a layer."),
        (1, "other", "The gate is red"),
        (8, "smollm2", "The gate is inconclusive"),
        (4, "smollm2", "pytest ended with 4"),
    ],
)
def test_a_gate_that_is_not_green_says_why_make_reports_an_error(
    project: Path, exit_code: int, candidate: str, line: str
) -> None:
    install(project)
    write_program(project / ".venv" / "bin" / "pytest", f'#!/bin/sh\necho "$@"\nexit {exit_code}\n')
    done = make(project, "gate", f"CANDIDATE={candidate}", "ARGS=-k capitals")
    assert done.returncode != 0
    assert line in done.stdout
    assert f"/test_vocabulary.py --candidate {candidate} --baseline smollm2 -k capitals\n" in done.stdout


def test_a_gate_that_ended_in_errors_is_told_from_a_red_one(project: Path) -> None:
    install(project)
    report = 'mkdir -p reports/latest; echo \'{"verdict": "error"}\' > reports/latest/report.json'
    write_program(project / ".venv" / "bin" / "pytest", f"#!/bin/sh\n{report}\nexit 1\n")
    done = make(project, "gate")
    assert done.returncode != 0
    assert "The gate ended in errors" in done.stdout
    assert "That is right" not in done.stdout


def test_a_gate_weighs_on_the_suites_that_are_named(project: Path) -> None:
    install(project)
    write_program(project / ".venv" / "bin" / "pytest", '#!/bin/sh\necho "$@"\n')
    done = make(project, "gate", "SUITES=suites/distillation suites/foundation", "CANDIDATE=smollm2-healed")
    assert done.returncode == 0
    named = "suites/distillation suites/foundation"
    assert f"weighing smollm2-healed against smollm2 on {named}\n" in done.stdout
    assert f"{named} --candidate smollm2-healed --baseline smollm2\n" in done.stdout


def test_a_green_gate_ends_with_0(project: Path) -> None:
    install(project)
    write_program(project / ".venv" / "bin" / "pytest", "#!/bin/sh\nexit 0\n")
    assert make(project, "gate").returncode == 0


def test_packages_that_the_tests_need_and_a_machine_lacks_are_named(tmp_path: Path) -> None:
    found = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "missing"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert {"make", "git", "chromium", "python3-venv"} <= set(found.stdout.split())
