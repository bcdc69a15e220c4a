"""`-p harness.plugin.undecided`: evaluations are drawn to the end, and decide nothing."""

from __future__ import annotations

import pytest

from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

DRAWING = ("-p", "harness.plugin.undecided", "--inconclusive", "warn")
MODULE = """
CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

@pytest.mark.evaluation(cases=CASES, threshold=0.5, margin=0.3, design="sequential", max_samples=60)
def test_it(model, case):
    assert model.ask(case.prompt) == "yes"

@pytest.mark.evaluation(cases=CASES)
def test_other(model, case):
    assert model.ask(case.prompt) == "yes"

def test_plain():
    raise AssertionError
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    project = Project(pytester)
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.9, "no": 0.1}}}
    project.module(MODULE)
    return project


def test_every_sample_is_drawn_and_no_look_is_entered(project: Project) -> None:
    measured = project.run_anew(*DRAWING, "--draw", "*", "--baseline", "none")
    assert measured.ret == 0
    assert project.verdicts() == {"test_it": "inconclusive", "test_other": "passed"}
    assert project.evaluation()["n_samples"] == 80
    fingerprint = project.report()["candidate"]["fingerprint"]
    with Store.open(str(project.store), readonly=True) as store:
        assert store.looks.of_candidate(fingerprint) == []
    project.run("-k", "test_it", "--baseline", "none")
    with Store.open(str(project.store), readonly=True) as store:
        assert [row.number for row in store.looks.of_candidate(fingerprint) if row.number] == [1]
    assert project.report()["usage"]["model_calls"] == 0


def test_what_is_named_is_measured_alone(project: Project) -> None:
    project.run_anew(*DRAWING, "--draw", f"{project.path.resolve()}/test_it.py::test_other", "--baseline", "none")
    assert list(project.verdicts()) == ["test_other"]
