"""`make` installs once, says what it needs, and never takes half an install for a whole one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[1]

# Stands in for a Python and its pip: says what it was asked for, and fails where FAIL is among the words.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
  *-V*) echo "Python ${FAKE_VERSION:-3.12.1}" ;;
  *version_info*) [ -z "${FAKE_OLD:-}" ] ;;
  *ensurepip*) [ -z "${FAKE_NO_VENV:-}" ] ;;
  *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
  *"pip install"*|*"pip --disable"*) echo "$*" >> "$CALLS"; case "$*" in *"${FAIL:-nothing fails}"*) exit 1 ;; esac ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that an install reads, and a Python that only pretends."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    fake = tmp_path / "fake-python"
    fake.write_text(FAKE_PYTHON, encoding="utf-8")
    fake.chmod(0o755)
    return tmp_path


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # `make test VENV=…` hands its own variables down to here, and would have them installed into.
    own = ("MAKE", "MFLAGS", "PYTHON", "VENV", "CANDIDATE", "BASELINE", "SUITES", "ARGS", "WORKERS")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(
        ["make", f"PYTHON={project / 'fake-python'}", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env={**plain, "CALLS": str(project / "calls"), **environment},
    )


def install(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Make the stamp, whatever its name is."""
    stamp = make(project, "--eval", "stamp: ; @echo $(STAMP)", "stamp").stdout.strip()
    return make(project, stamp, **environment)


def stamps(project: Path) -> list[Path]:
    return list((project / ".venv").glob(".installed-*"))


def calls(project: Path) -> list[str]:
    path = project / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_make_alone_lists_the_commands() -> None:
    text = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True
    ).stdout
    for target in ("gate", "test", "check", "bench", "lock", "clean", "help"):
        assert f"\n  {target} " in text


def test_an_install_takes_the_lock_then_torchs_own_needs_then_the_neighbours_then_the_project(project: Path) -> None:
    done = install(project)
    assert done.returncode == 0, done.stderr
    lock, torch, neighbours, own = calls(project)
    assert lock.endswith("--no-deps -r requirements.lock")
    assert torch.endswith("--no-warn-conflicts torch>=2.13,<2.14 torchvision>=0.28,<0.29")
    assert neighbours.endswith("--no-deps --target .venv/neighbours -r .ci/neighbours.lock")
    assert own.endswith("--no-deps --no-build-isolation --editable .")
    assert "about 3 minutes" in done.stdout
    assert len(stamps(project)) == 1


def test_a_second_run_installs_nothing(project: Path) -> None:
    install(project)
    before = calls(project)
    assert install(project).returncode == 0
    assert calls(project) == before


def test_touching_the_lock_without_changing_it_installs_nothing(project: Path) -> None:
    install(project)
    before = calls(project)
    (project / "requirements.lock").touch()
    install(project)
    assert calls(project) == before


@pytest.mark.parametrize(
    ("name", "steps"), [("requirements.lock", 4), (".ci/neighbours.lock", 4), ("pyproject.toml", 1)]
)
def test_a_changed_lock_is_installed_again_and_a_changed_project_file_the_project_alone(
    project: Path, name: str, steps: int
) -> None:
    install(project)
    before = calls(project)
    with (project / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    install(project)
    assert calls(project)[len(before) :] == before[-steps:]
    assert len(stamps(project)) == 1


@pytest.mark.parametrize("step", ["requirements.lock", "torchvision", "neighbours.lock", "--editable"])
def test_an_install_that_fails_leaves_no_stamp(project: Path, step: str) -> None:
    assert install(project, FAIL=step).returncode != 0
    assert stamps(project) == []
    assert install(project).returncode == 0
    assert len(stamps(project)) == 1


def test_an_old_python_is_refused_with_its_version(project: Path) -> None:
    done = install(project, FAKE_OLD="1", FAKE_VERSION="3.9.2")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert not (project / ".venv").exists()


def test_a_python_that_is_not_there_is_named(project: Path) -> None:
    (project / "fake-python").unlink()
    done = install(project)
    assert done.returncode != 0
    assert "fake-python' is not there" in done.stderr


def test_a_python_without_venv_is_refused_with_the_package(project: Path) -> None:
    done = install(project, FAKE_NO_VENV="1")
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr


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
    pytest_program = project / ".venv" / "bin" / "pytest"
    pytest_program.write_text(f'#!/bin/sh\necho "$@"\nexit {exit_code}\n', encoding="utf-8")
    pytest_program.chmod(0o755)
    done = make(project, "gate", f"CANDIDATE={candidate}", "ARGS=-k capitals")
    assert done.returncode != 0
    assert line in done.stdout
    assert f"suites/foundation --candidate {candidate} --baseline smollm2 -k capitals\n" in done.stdout


def test_a_gate_that_ended_in_errors_is_told_from_a_red_one(project: Path) -> None:
    install(project)
    pytest_program = project / ".venv" / "bin" / "pytest"
    report = 'mkdir -p reports/latest; echo \'{"verdict": "error"}\' > reports/latest/report.json'
    pytest_program.write_text(f"#!/bin/sh\n{report}\nexit 1\n", encoding="utf-8")
    pytest_program.chmod(0o755)
    done = make(project, "gate")
    assert done.returncode != 0
    assert "The gate ended in errors" in done.stdout
    assert "That is right" not in done.stdout


def test_a_gate_weighs_on_the_suites_that_are_named(project: Path) -> None:
    install(project)
    pytest_program = project / ".venv" / "bin" / "pytest"
    pytest_program.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    pytest_program.chmod(0o755)
    done = make(project, "gate", "SUITES=suites/distillation suites/foundation", "CANDIDATE=smollm2-healed")
    assert done.returncode == 0
    named = "suites/distillation suites/foundation"
    assert f"weighing smollm2-healed against smollm2 on {named}\n" in done.stdout
    assert f"{named} --candidate smollm2-healed --baseline smollm2\n" in done.stdout


def test_a_green_gate_ends_with_0(project: Path) -> None:
    install(project)
    pytest_program = project / ".venv" / "bin" / "pytest"
    pytest_program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    pytest_program.chmod(0o755)
    assert make(project, "gate").returncode == 0


def test_packages_that_the_tests_need_and_a_machine_lacks_are_named(tmp_path: Path) -> None:
    found = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "missing"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert {"make", "git", "chromium", "python3-venv"} <= set(found.stdout.split())
