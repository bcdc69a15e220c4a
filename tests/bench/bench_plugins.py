"""A green and a red gate beside each of many plugins of pytest: the same verdict and exit code as without it.

The plugins are installed into an environment of their own, which sees the packages of this one, and are loaded one by
one, with the options that switch them on.
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.sampling import ROOT, Figure

PLUGINS: dict[str, tuple[str, ...]] = {
    "allure-pytest": ("--alluredir", "allure"),
    "inline-snapshot": (),
    "pyfakefs": (),
    "pytest-aiohttp": (),
    "pytest-assume": (),
    "pytest-azurepipelines": (),
    "pytest-base-url": ("--base-url", "http://localhost"),
    "pytest-bdd": (),
    "pytest-benchmark": (),
    "pytest-cases": (),
    "pytest-check": (),
    "pytest-clarity": (),
    "pytest-console-scripts": (),
    "pytest-cov": ("--cov", ".", "--cov-context", "test"),
    "pytest-csv": ("--csv", "tests.csv"),
    "pytest-datadir": (),
    "pytest-dependency": (),
    "pytest-dotenv": (),
    "pytest-env": (),
    "pytest-fail-slow": ("--fail-slow", "600"),
    "pytest-flakefinder": (),
    "pytest-forked": (),
    "pytest-freezer": (),
    "pytest-github-actions-annotate-failures": (),
    "pytest-harvest": (),
    "pytest-html": ("--html", "tests.html"),
    "pytest-httpserver": (),
    "pytest-httpx": (),
    "pytest-icdiff": (),
    "pytest-instafail": ("--instafail",),
    "pytest-json-report": ("--json-report",),
    "pytest-lazy-fixtures": (),
    "pytest-localserver": (),
    "pytest-md": ("--md", "tests.md"),
    "pytest-metadata": (),
    "pytest-mock": (),
    "pytest-order": (),
    "pytest-picked": (),
    "pytest-pretty": (),
    "pytest-print": (),
    "pytest-progress": ("--show-progress",),
    "pytest-random-order": ("--random-order",),
    "pytest-randomly": (),
    "pytest-recording": (),
    "pytest-reportlog": ("--report-log", "tests.log"),
    "pytest-retry": ("--retries", "2"),
    "pytest-rich": ("--rich",),
    "pytest-shard": ("--num-shards", "1"),
    "pytest-snapshot": (),
    "pytest-socket": ("--disable-socket", "--allow-hosts", "127.0.0.1"),
    "pytest-spec": ("--spec",),
    "pytest-split": ("--splits", "1", "--group", "1"),
    "pytest-steps": (),
    "pytest-subprocess": (),
    "pytest-sugar": (),
    "pytest-tap": ("--tap",),
    "pytest-testdox": ("--testdox",),
    "pytest-testmon": ("--testmon",),
    "pytest-timeout": ("--timeout", "300"),
    "pytest-trio": (),
    "pytest-unordered": (),
    "pytest-variables": (),
    "syrupy": (),
    "typeguard": (),
}
"""Distributions, each with the options that switch it on."""
_BESIDE = {
    "pytest-aiohttp": ("pytest-asyncio",),
    "pytest-harvest": ("pytest-xdist",),
    "pytest-html": ("pytest-metadata",),
    "pytest-json-report": ("pytest-metadata",),
    "pytest-progress": ("pytest-xdist",),
}
"""What a plugin needs of another one."""

_SUITE = """import pytest

CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(30)]


@pytest.fixture(scope="session")
def right():
    yield "yes"


@pytest.mark.parametrize("number", range(3))
@pytest.mark.evaluation(cases=CASES, threshold=0.5)
def test_gate(model, case, number, right):
    return model.ask(f"{case.prompt} {number}") == right


@pytest.mark.evaluation(cases=CASES, threshold=0.5)
async def test_async(model, case):
    return await model.ask(case.prompt) == "yes"


def test_plain(right): ...
"""
_PLAIN = "def test_plain(): ...\n"
_SETTINGS = """baseline = "none"
samples = 2
models.green = { engine = "scripted", default = "yes" }
models.red = { engine = "scripted", default = "no" }
"""
_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """How a gate ended: the exit code, the verdict of each evaluation, and whether they were sampled one by one."""

    code: int
    verdicts: tuple[tuple[str, str], ...]
    one_by_one: bool = False
    output: str = ""

    @property
    def seen(self) -> tuple[object, ...]:
        """What must be the same beside every plugin."""
        return self.code, self.verdicts


def plugins(folder: Path) -> list[Figure]:
    """Run both gates beside each plugin."""
    python = _environment(folder / "environment")
    entries = _entries(python)
    alone = {colour: _gate(python, folder / f"alone-{colour}", colour, ()) for colour in ("green", "red")}
    if (alone["green"].code, alone["red"].code) != (0, 1):
        raise RuntimeError(f"without a plugin the gates end otherwise: {alone}")
    wrong, slow, broken = [], [], sorted(set(PLUGINS) - set(entries))
    for name in sorted(set(PLUGINS) & set(entries)):
        loaded = [entry for each in (name, *_BESIDE.get(name, ())) for entry in entries[each]]
        options = (*(part for entry in loaded for part in ("-p", entry)), *PLUGINS[name])
        if _run(python, folder / f"{name}-plain", {"test_plain.py": _PLAIN}, options)[0] != 0:
            broken.append(name)
            continue
        ended = {colour: _gate(python, folder / f"{name}-{colour}", colour, options) for colour in alone}
        for colour, each in ended.items():
            if each.seen != alone[colour].seen:
                print(f"--- {name}, {colour}: {each.code}\n{each.output[-1500:]}", flush=True)
        wrong += [name] if any(each.seen != alone[colour].seen for colour, each in ended.items()) else []
        slow += [name] if any(each.one_by_one for each in ended.values()) else []
    n_tried = len(PLUGINS) - len(broken)
    told = f"left out, for they end an ordinary test of this pytest, too: {', '.join(broken)}" if broken else ""
    return [
        Figure("plugins of pytest with another verdict or exit code", len(wrong), "", "0", not wrong, ", ".join(wrong)),
        Figure("plugins of pytest tried, green and red", n_tried, "", "≥ 40", n_tried >= 40, told),
        Figure("of them, beside which evaluations are sampled one by one", len(slow), "", "", True, ", ".join(slow)),
    ]


def _environment(folder: Path) -> Path:
    """An environment with all plugins that sees this one's packages; gives its Python."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "beside.pth").write_text("".join(f"{place}\n" for place in [str(ROOT), *site.getsitepackages()]))
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = folder / "pinned.txt"
    pinned.write_text(f"pytest=={version('pytest')}\n")
    if subprocess.run([*install, "-c", str(pinned), *PLUGINS], check=False).returncode:
        for name in PLUGINS:  # one that can't be had must not cost the others
            subprocess.run([*install, "-c", str(pinned), name], check=False)
    return python


def _entries(python: Path) -> dict[str, list[str]]:
    """The names by which pytest loads each plugin."""
    ask = (
        "import json, importlib.metadata as m; print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): "
        "[e.name for e in d.entry_points if e.group == 'pytest11'] for d in m.distributions()}))"
    )
    found = json.loads(subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout)
    return {name: names for name, names in found.items() if names}


def _gate(python: Path, folder: Path, colour: str, options: tuple[str, ...]) -> Ended:
    """Run the gate in a folder of its own."""
    files = {"test_gate.py": _SUITE, "steelyard.toml": _SETTINGS}
    code, output = _run(python, folder, files, ("-p", "steelyard", *options, "--candidate", colour))
    report = folder / "reports" / "latest" / "report.json"
    entries = json.loads(report.read_text())["evaluations"] if report.exists() else []
    verdicts = tuple(sorted((entry["id"], entry["verdict"]) for entry in entries))
    return Ended(code, verdicts, "are sampled one after the other" in output, output)


def _run(python: Path, folder: Path, files: dict[str, str], options: tuple[str, ...]) -> tuple[int, str]:
    """Run pytest in a folder of these files; gives the exit code and what it wrote."""
    folder.mkdir(parents=True)
    for name, text in {**files, "pytest.ini": "[pytest]\n"}.items():
        (folder / name).write_text(text)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [str(python), "-m", "pytest", *options]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, f"not over after {_LIMIT_S} s"
    return done.returncode, done.stdout + done.stderr
