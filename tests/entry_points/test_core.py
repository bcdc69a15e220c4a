"""The core stands without the parts that register by entry points: nothing imports them unless they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entry_points.installing import COMMAND, GATE, run

pytestmark = pytest.mark.service

BLOCKED = (
    "harness.scoring.deepeval",
    "harness.scoring.lm_eval",
    "harness.scoring.confinement",
    "harness.review.web",
    "harness.tracking",
    "harness.models.mlflow",
    "harness.models.vllm",
    "harness.models.transformers",
    "harness.models.openai",
    "deepeval",
    "lm_eval",
    "mlflow",
    "fastapi",
)
BLOCKING = f"""
import sys

class Blocking:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in {BLOCKED!r}):
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked)", name=name)

sys.meta_path.insert(0, Blocking())
"""
MODULE = """
import pytest
from harness import checks

CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

@pytest.mark.evaluation(cases=CASES)
def test_it(model, case):
    return checks.exact(model.ask(case.prompt), "yes")

@pytest.mark.evaluation(cases=CASES)
async def test_rated(model, case, judge):
    return await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case)
"""
SETTINGS = """
judge = "critic"
[models.good]
engine = "scripted"
default = "yes"
[models.bad]
engine = "scripted"
default = "no"
[models.critic]
engine = "scripted"
default = '{"reason": "so", "score": 5}'
"""
RUBRIC = "# Right\n\n## Criteria\n\nIt is right.\n\n## Steps\n\n1. Look.\n\n## Scale\n\n- 1: wrong\n- 5: right\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_it.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "steelyard.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "rubric.md").write_text(RUBRIC, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """Where Python finds at its start what blocks the parts."""
    place = tmp_path / "core"
    place.mkdir()
    (place / "sitecustomize.py").write_text(BLOCKING, encoding="utf-8")
    return place


def test_the_parts_are_blocked(core: Path) -> None:
    for name in ("harness.scoring.deepeval", "harness.tracking.mlflow", "harness.scoring.confinement"):
        assert "(blocked)" in run("-c", f"import {name}", folder=core, installed=core).stderr


@pytest.mark.nightly
@pytest.mark.parametrize(("candidate", "code", "verdict"), [("good", 0, "passed"), ("bad", 1, "regressed")])
def test_a_gate_is_green_and_red_without_them(
    folder: Path, core: Path, candidate: str, code: int, verdict: str
) -> None:
    options = ("--candidate", candidate, "--baseline", "good")
    done = run(*GATE, *options, folder=folder, installed=core)
    assert done.returncode == code, done.stdout + done.stderr
    exact, rated = json.loads((folder / "reports/latest/report.json").read_text())["evaluations"]
    assert (exact["verdict"], rated["verdict"]) == (verdict, "passed")
    assert (folder / "reports/latest/index.html").exists()
    told = run(*COMMAND, "report", "--format", "junit", folder=folder, installed=core)
    assert told.returncode == 0
    assert "testsuite" in told.stdout


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("checks.runs('print(1)', '')", "The check 'runs' of steelyard 0.1.0 can't be loaded"),
        ("judge.measure('BiasMetric', output='x')", "The check 'deepeval' of steelyard 0.1.0 can't be loaded"),
    ],
)
def test_what_asks_for_a_part_says_which_is_missing(folder: Path, core: Path, body: str, words: str) -> None:
    wants = "model, case, judge" if "judge" in body else "model, case"
    (folder / "test_it.py").write_text(
        "import pytest\nfrom harness import checks\n"
        '@pytest.mark.evaluation(cases=[{"id": "c", "prompt": "q"}])\n'
        f"def test_it({wants}):\n    model.ask(case.prompt)\n    return {body}\n"
    )
    done = run(*GATE, "--candidate", "good", folder=folder, installed=core)
    assert done.returncode in (1, 4)
    assert words in " ".join((done.stdout + done.stderr).split())


def test_a_command_says_which_is_missing(folder: Path, core: Path) -> None:
    done = run(*COMMAND, "doctor", folder=folder, installed=core)
    words = "checks.runs is not there: No module named 'harness.scoring.confinement'"
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
