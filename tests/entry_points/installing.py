"""Distributions for tests: really installed from a folder, or declared by the metadata that pip would leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from tests import warm

ROOT = Path(__file__).parents[2]


def install(source: Path, target: Path) -> Path:
    """Install a distribution's folder with pip, without network and without what it asks for."""
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def declare(folder: Path, name: str, entry_points: str, version: str = "1.0", **modules: str) -> Path:
    """What is left of an installed distribution: its metadata, and its modules by their names."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(dedent(entry_points).strip() + "\n", encoding="utf-8")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(dedent(text), encoding="utf-8")
    return folder


def run(
    *command: str, folder: Path, installed: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python on a command in a folder, with what is installed in another one to be found first."""
    places = [str(place) for place in (installed, ROOT, os.environ.get("PYTHONPATH")) if place]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "COLUMNS": "200", **environment}
    return warm.run(*command, cwd=folder, env=own)


GATE = ("-m", "pytest", "-p", "no:deepeval", "-p", "no:asyncio", "-p", "no:cacheprovider")
COMMAND = ("-c", "from harness.cli import main; main()")
