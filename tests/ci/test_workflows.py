"""What the workflows run is there, and they hold to what pyproject.toml promises."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.ci.steps import ROOT, load

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEST = ROOT / ".github" / "workflows" / "test.yml"
NIGHTLY = ROOT / ".github" / "workflows" / "nightly.yml"
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Programs that a bare runner has.
ON_A_RUNNER = {"docker", "echo", "python", "sed", "sudo"}


def commands(path: Path) -> list[list[str]]:
    scripts = [step["run"] for job in load(path)["jobs"].values() for step in job.get("steps", []) if "run" in step]
    return [shlex.split(line) for script in scripts for line in script.splitlines() if line.strip()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_there(path: Path) -> None:
    assert commands(path)
    for program, *arguments in commands(path):
        if program == "make":
            assert (
                subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, check=False).returncode == 0
            )
        elif "/" in program:
            assert os.access(ROOT / program, os.X_OK), program
        else:
            assert program in ON_A_RUNNER


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_ends_by_itself_and_may_do_no_more_than_it_says(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= (350 if path == NIGHTLY else 90)
        assert "permissions" in job


def test_the_tests_run_on_every_python_from_the_lowest_that_is_promised() -> None:
    versions = [Version(text) for text in load(NIGHTLY)["jobs"]["all"]["strategy"]["matrix"]["python"]]
    promised = SpecifierSet(PROJECT["requires-python"])
    assert str(promised) == f">={versions[0]}"
    assert [version.minor for version in versions] == list(range(versions[0].minor, versions[0].minor + len(versions)))


def test_the_light_job_takes_the_lowest_and_the_highest_pytest_that_are_promised() -> None:
    matrix = load(TEST)["jobs"]["light"]["strategy"]["matrix"]
    promised = next(asked for asked in map(Requirement, PROJECT["dependencies"]) if asked.name == "pytest").specifier
    bounds = {each.operator: Version(each.version) for each in promised}
    lowest, highest = (next(iter(Requirement(text).specifier)) for text in matrix["pytest"])
    assert (lowest.operator, Version(lowest.version)) == ("==", bounds[">="])
    assert (highest.operator, Version(highest.version)) == ("<", bounds["<"])
    pythons = load(NIGHTLY)["jobs"]["all"]["strategy"]["matrix"]["python"]
    assert matrix["python"] == [pythons[0], pythons[-1]]


def test_the_python_versions_of_the_index_are_those_that_are_tested() -> None:
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Programming Language")]
    assert named == load(NIGHTLY)["jobs"]["all"]["strategy"]["matrix"]["python"]
    elsewhere = load(TEST)["jobs"]["elsewhere"]["strategy"]["matrix"]
    assert elsewhere == {"system": ["windows-latest", "macos-latest"], "python": [named[0], named[-1]]}


def test_a_release_needs_a_green_nightly() -> None:
    jobs = load(RELEASE)["jobs"]
    assert jobs["nightly"]["uses"] == "./.github/workflows/nightly.yml"
    assert jobs["build"]["needs"] == "nightly"


def test_only_the_job_that_publishes_can_and_it_takes_what_was_built_and_tried() -> None:
    jobs = load(RELEASE)["jobs"]
    assert [name for name, job in jobs.items() if "id-token" in job["permissions"]] == ["publish", "site"]
    assert jobs["site"]["needs"] == "publish"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert _step(jobs["publish"], "pypa/")["with"] == {"attestations": True}
    up, down = (
        _step(jobs[job], f"actions/{action}-artifact")["with"]
        for job, action in zip(("build", "publish"), ("upload", "download"), strict=True)
    )
    assert (up["name"], up["path"]) == (down["name"], down["path"])
    assert not [step for step in jobs["publish"]["steps"] if "run" in step]


def test_every_link_of_the_readme_that_is_built_is_absolute(tmp_path: Path) -> None:
    """PyPI shows it from the metadata, and images from where they lie unrendered."""
    step = next(each for each in load(RELEASE)["jobs"]["build"]["steps"] if "sed" in each.get("run", ""))
    shutil.copy(ROOT / "README.md", tmp_path)
    hub = {"GITHUB_SERVER_URL": "https://hub", "GITHUB_REPOSITORY": "me/steelyard", "GITHUB_REF_NAME": "v1.2.3"}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env={**os.environ, **hub}, check=True)
    before, after = (re.findall(r"\]\(([^)]+)\)", (at / "README.md").read_text("utf-8")) for at in (ROOT, tmp_path))
    assert {"docs/start.md", "docs/images/report.webp"} <= {*before}
    expected = []
    for link in before:
        kind = "raw" if link.startswith("docs/images/") else "blob"
        kept = ":" in link or link.startswith("#")
        expected.append(link if kept else f"https://hub/me/steelyard/{kind}/v1.2.3/{link}")
    assert after == expected


def _step(job: dict[str, Any], action: str) -> dict[str, Any]:
    return next(step for step in job["steps"] if step.get("uses", "").startswith(action))


@pytest.mark.parametrize(
    ("tag", "heading", "told"),
    [
        ("v9.9.9", "0.1.0", "The tag is v9.9.9 and pyproject.toml says version 0.1.0"),
        ("v0.1.0", "Unreleased", "CHANGELOG.md has no section '## 0.1.0'"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused_before_anything_is_built(
    tmp_path: Path, tag: str, heading: str, told: str
) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "steelyard"\nversion = "0.1.0"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n## {heading}\n", encoding="utf-8")
    environment = {**os.environ, "TAG": tag, "PYTHON": sys.executable}
    done = subprocess.run(
        ["sh", ".ci/dist"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.nightly
def test_the_first_gate_of_a_new_project_is_tried_with_the_installation_of_the_path() -> None:
    environment = {**os.environ, "PYTEST_ADDOPTS": "-p no:deepeval"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", ".ci/try"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GREEN" in done.stdout
    assert "RED" in done.stdout


def test_the_hooks_of_a_commit_run_what_make_lint_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    programs = {hook["entry"].split()[0] for hook in hooks[0]["hooks"]}
    assert programs == {f".venv/bin/{name}" for name in ("ruff", "mypy", "lint-imports")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [program for program in programs if f"$(BIN)/{Path(program).name}" not in makefile] == []
