"""A user's project in a folder of its own, in which pytest runs with Steelyard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from textwrap import dedent
from typing import Any

import pytest

from harness.config.settings import SettingsTable
from harness.config.typed import names_of
from harness.stages.fixtures import STAGE_FIXTURES
from tests import warm
from tests.libraries import Libraries, read_once

ADDOPTS = "addopts = -p no:deepeval -p no:hypothesispytest -p no:benchmark -p no:rerunfailures\n"
"""Without what is slow to load, and what leaves a thread and a socket of each session to the process."""
INI = f"[pytest]\n{ADDOPTS}filterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
IMPORTS = "import harness\nimport pytest\n"
MODULE = "test_it.py"
SCRIPTED = {"engine": "scripted", "default": "yes"}


class Project:
    """Settings, test modules, runs and what they left behind.

    Attributes:
        path: the project's folder.
        settings: of `[tool.steelyard]` without versions; written at the next run.
        versions: the table of model versions; by default one that answers "yes".
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.path: Path = pytester.path
        self.settings: dict[str, Any] = {"samples": 2}
        self.versions: dict[str, dict[str, Any]] = {"only": dict(SCRIPTED)}
        self.ini = INI

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; a module gets the usual imports."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = IMPORTS if path.suffix == ".py" else ""
        path.write_text(head + dedent(text), encoding="utf-8")
        return path

    def module(self, text: str) -> Path:
        """Write the project's test module."""
        return self.write(MODULE, text)

    def body(
        self, lines: str, *, cases: int = 3, arguments: str = "model, case", asks: bool = True, **marker: Any
    ) -> None:
        """Write a module with one evaluation `test_it` of a `def` body; one that asks nobody asks something first."""
        of_a_stage = STAGE_FIXTURES.keys() & set(arguments.split(", "))
        if asks and not of_a_stage and not any(name in lines for name in ("model", "baseline", "judge")):
            lines = f"model.ask('q')\n{dedent(lines)}"
            arguments = arguments if "model" in arguments else f"{arguments}, model"
        keywords = "".join(f", {name}={value!r}" for name, value in marker.items())
        rows = [{"id": f"c{i}", "prompt": f"q{i}", "expected": "yes"} for i in range(cases)]
        indented = "\n".join(f"    {line}" for line in dedent(lines).strip().splitlines())
        self.module(f"@pytest.mark.evaluation(cases={rows!r}{keywords})\ndef test_it({arguments}):\n{indented}\n")

    def configure(self) -> None:
        """Write the settings and pytest's ini file."""
        lines = [f"{name} = {_toml(value)}" for name, value in self.settings.items()]
        for name, table in self.versions.items():
            lines.append(f"[models.{json.dumps(name)}]")
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        (self.path / "steelyard.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.path / "pytest.ini").write_text(self.ini, encoding="utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process; arguments such as "design=fixed" are settings of this run alone."""
        arguments = self._set(arguments)
        libraries = Libraries()
        with read_once():
            result = self._pytester.runpytest_inprocess(*arguments, plugins=[libraries])
        libraries.bring_back()
        return result

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own, as `run` does."""
        arguments = self._set(arguments)
        folder = mkdtemp(prefix="runpytest-", dir=self.path)
        began = time.monotonic()
        done = warm.run("-m", "pytest", f"--basetemp={folder}", *arguments, cwd=self.path)
        lines = [each.splitlines() for each in (done.stdout, done.stderr)]
        print(done.stdout, done.stderr, sep="\n")
        return pytest.RunResult(done.returncode, *lines, duration=time.monotonic() - began)

    def _set(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Write the settings with those among the arguments, and give the others."""
        words = "|".join(names_of(SettingsTable))
        before, given = self.settings, [re.fullmatch(f"({words})=(.*)", each) for each in arguments]
        self.settings = {**before, **{found[1]: _value(found[2]) for found in given if found}}
        self.configure()
        self.settings = before
        return tuple(each for each, found in zip(arguments, given, strict=True) if not found)

    def run_anew(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process that has imported nothing: for tests of what is imported, when and how."""
        self.configure()
        return self._pytester.runpytest_subprocess(*arguments)

    def report(self, folder: str = "reports/latest") -> dict[str, Any]:
        """What report.json holds."""
        document: dict[str, Any] = json.loads((self.path / folder / "report.json").read_text(encoding="utf-8"))
        return document

    def notes(self) -> list[str]:
        """What the gate noted itself, without what every reader of its figures is told."""
        own = ("problem", "version", "draws", "suite")
        return [note["text"] for note in self.report()["notes"] if note["kind"] in own]

    def evaluation(self, name: str = "test_it", metric: str | None = None) -> dict[str, Any]:
        """The entry of report.json of one test function, and of one metric where it has several."""
        entries = [entry for entry in self.report()["evaluations"] if entry["id"].split("::")[-1] == name]
        if metric is not None:
            entries = [entry for entry in entries if entry["metric"] == metric]
        (entry,) = entries
        return entry

    def verdicts(self) -> dict[str, str]:
        """The verdict of each test function in report.json."""
        return {entry["id"].split("::")[-1]: entry["verdict"] for entry in self.report()["evaluations"]}

    def score(self, name: str = "test_it") -> float:
        """The candidate's estimate in report.json."""
        return float(self.evaluation(name)["candidate"]["value"])

    @property
    def store(self) -> Path:
        """Where the store lies by default."""
        return self.path / ".steelyard" / "store.db"

    def stored(self) -> int:
        """How many samples the store holds; 0 where there is none."""
        if not self.store.exists():
            return 0
        from harness.store import Store

        with Store.open(str(self.store), readonly=True) as store:
            return store.info().samples


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
