"""`import steelyard`: the name that is installed is a name that imports, from a wheel and from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"
OTHERS = ["-p", "no:deepeval", "-p", "no:asyncio"]
LIBRARIES = Path(sysconfig.get_path("purelib"))
SAME = """
import sys
import steelyard
assert not {"numpy", "harness.records", "harness.store"} & set(sys.modules)
import harness
from steelyard import *
from steelyard import Model, checks
from steelyard import extension
from steelyard.extension import EngineSpec

assert steelyard.__all__ == harness.__all__ and steelyard.__version__ == harness.__version__
assert all(getattr(steelyard, name) is getattr(harness, name) for name in harness.__all__)
assert Model is harness.Model and checks is harness.checks and Judge is harness.Judge
assert extension is harness.extension and EngineSpec is harness.extension.EngineSpec
assert set(harness.__all__) <= set(dir(steelyard))
try:
    steelyard.gate
except AttributeError as error:
    assert "module 'steelyard' has no attribute 'gate'" in str(error)
else:
    raise AssertionError("an internal module is reached")
print(harness.__file__, steelyard.__file__)
"""


def installed(folder: Path, *options: str) -> Path:
    """The Python of a new environment with this project, and with the libraries of the one that runs the tests."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "libraries.pth").write_text(f"{LIBRARIES}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    done = run(*command, "--no-build-isolation", "--disable-pip-version-check", *options, ".", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return python


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def from_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("wheel") / "env")


def test_a_wheel_imports_by_both_names(from_wheel: Path, tmp_path: Path) -> None:
    done = run(from_wheel, "-c", SAME, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    home = from_wheel.parents[1]
    assert all(Path(file).is_relative_to(home) for file in done.stdout.split())
    assert not list(home.rglob("shim"))


def test_a_checkout_that_is_installed_for_editing_imports_by_both_names(tmp_path: Path) -> None:
    done = run(installed(tmp_path / "env", "--editable"), "-c", SAME, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        str(ROOT / "harness" / "__init__.py"),
        str(ROOT / "harness" / "shim" / "steelyard" / "__init__.py"),
    ]


def test_bodies_that_import_steelyard_pass_mypy_strict(from_wheel: Path, tmp_path: Path) -> None:
    """Both names, against what the wheel installs; other libraries are left out, for they take two minutes."""
    text = (TYPED / "bodies.py").read_text(encoding="utf-8").replace("from harness", "from steelyard")
    text = text.replace("import harness\n", "import harness\nimport steelyard\n")
    text += "\n\ndef same(model: harness.Model) -> steelyard.Model:\n    return model\n"
    (tmp_path / "bodies.py").write_text(text, encoding="utf-8")
    settings = "[mypy]\nstrict = true\nfollow_imports = skip\n[mypy-harness.*,steelyard.*]\nfollow_imports = normal\n"
    (tmp_path / "mypy.ini").write_text(settings, encoding="utf-8")
    done = run(sys.executable, "-m", "mypy", "--python-executable", from_wheel, "bodies.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pytest_takes_the_plugin_by_its_name_beside_the_module(from_wheel: Path, tmp_path: Path) -> None:
    """`-p steelyard` is the plugin, also where the module is imported already, and neither is rewritten."""
    (tmp_path / "steelyard.toml").write_text('[models.table]\nengine = "scripted"\ndefault = "yes"\n', encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import steelyard\nimport pytest\n\n\n"
        '@pytest.mark.evaluation(cases=[{"id": "a", "prompt": "?"}], samples=2, threshold=0.1)\n'
        "def test_it(model, case: steelyard.Case) -> steelyard.Score:\n"
        '    assert type(steelyard.__loader__).__name__ == "SourceFileLoader"\n'
        '    return steelyard.checks.exact(model.ask(case.prompt), "yes")\n',
        encoding="utf-8",
    )
    code = "import sys, steelyard, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    done = run(
        from_wheel,
        "-W",
        "error",
        "-c",
        code,
        "-p",
        "steelyard",
        *OTHERS,
        cwd=tmp_path,
    )
    assert "1 evaluation" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cannot be rewritten" not in done.stdout
