"""A folder to run the command in, and distributions that only metadata knows."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def run(folder: Path) -> Run:
    """`run("models", "--json")`: the command in `folder`, in this process."""

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(main, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`install("torch", "2.13.0+cpu")`: a distribution that has metadata and no code, found before any other."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def add(name: str, version: str, *lines: str) -> None:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        head = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines]
        (info / "METADATA").write_text("\n".join(head) + "\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[pytest11]\n{name} = {name}\n", encoding="utf-8")
        sys.path_importer_cache.pop(str(site), None)

    return add
