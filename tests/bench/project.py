"""Writes the projects that are measured."""

from __future__ import annotations

import json
from pathlib import Path

_SUITE = """import pytest

CASES = [{{"id": str(number), "prompt": f"What is {{number}}?"}} for number in range({cases})]


@pytest.mark.evaluation(cases=CASES, samples={samples}, threshold=0.5, design="fixed")
async def test_answers(model, case):
    assert await model.ask(case.prompt)
"""

_MANY = """import pytest


@pytest.mark.parametrize("number", range({evaluations}))
@pytest.mark.evaluation(cases=[{{"id": "only"}}], samples={samples})
async def test_answer(model, case, number):
    assert await model.ask(f"What is {{number}}?")
"""

_FAITHFULNESS = """import pytest
from deepeval.metrics import FaithfulnessMetric

CASES = [{{"id": str(number)}} for number in range({cases})]


@pytest.mark.evaluation(cases=CASES, samples=1, design="fixed")
async def test_faithful(case, judge):
    passage = f"Bridge {{case.id}} was built in 1932."
    return await judge.measure(FaithfulnessMetric, input=case.id, output=f"{{passage}} It is.", context=[passage])
"""

_PLAIN = """import pytest


@pytest.mark.parametrize("number", range(20))
def test_plain(number):
    assert number >= 0
"""


_JUDGED = """import pytest


@pytest.mark.evaluation(cases="cases.jsonl", samples=1, design="fixed")
async def test_judged(judge, case):
    return await judge.rate(case.answer, rubric="rubric.md", case=case)
"""


def one_evaluation(folder: Path, cases: int, samples: int, version: str) -> Path:
    """A project of one evaluation."""
    return _write(folder, _SUITE.format(cases=cases, samples=samples), version)


def many_evaluations(folder: Path, evaluations: int, samples: int, version: str) -> Path:
    """A project of many evaluations of one case each."""
    return _write(folder, _MANY.format(evaluations=evaluations, samples=samples), version)


def faithfulness(folder: Path, cases: int, url: str) -> Path:
    """A project of one evaluation in which a metric of deepeval judges answers that are there."""
    version = f'candidate = "bench"\njudge = "bench"\n{endpoint(url)}'
    return _write(folder, _FAITHFULNESS.format(cases=cases), version)


def no_evaluation(folder: Path) -> Path:
    """A project of plain tests."""
    return _write(folder, _PLAIN, "")


def judged(folder: Path, answers: int, url: str, rubric: str) -> Path:
    """A project whose evaluation has a judge rate answers that are there."""
    _write(folder, _JUDGED, 'judge = "bench"\n' + endpoint(url))
    cases = [
        {
            "id": str(number),
            "prompt": f"Sum up report {number}.",
            "answer": f"Report {number} says that {'the bridge was built in 1932 and spans the harbour. ' * 5}",
        }
        for number in range(answers)
    ]
    (folder / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    (folder / "rubric.md").write_text(rubric)
    return folder


def endpoint(url: str) -> str:
    """Settings of a version behind a loopback endpoint."""
    return f'[models.bench]\nengine = "openai"\nbase_url = "{url}"\nmodel = "bench"\n'


SCRIPTED = '[models.bench]\nengine = "scripted"\ndefault = { "yes" = 0.9, "no" = 0.1 }\n'


def _write(folder: Path, suite: str, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_bench.py").write_text(suite)
    if version:
        (folder / "steelyard.toml").write_text(version)
    return folder
