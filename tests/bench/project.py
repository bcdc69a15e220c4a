"""Writes the projects that are measured."""

from __future__ import annotations

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

_PLAIN = """import pytest


@pytest.mark.parametrize("number", range(20))
def test_plain(number):
    assert number >= 0
"""


def one_evaluation(folder: Path, cases: int, samples: int, version: str) -> Path:
    """A project of one evaluation."""
    return _write(folder, _SUITE.format(cases=cases, samples=samples), version)


def many_evaluations(folder: Path, evaluations: int, samples: int, version: str) -> Path:
    """A project of many evaluations of one case each."""
    return _write(folder, _MANY.format(evaluations=evaluations, samples=samples), version)


def no_evaluation(folder: Path) -> Path:
    """A project of plain tests."""
    return _write(folder, _PLAIN, "")


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
