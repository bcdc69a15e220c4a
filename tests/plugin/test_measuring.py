"""Sessions that measure a version and decide nothing."""

from __future__ import annotations

import pytest

from harness.gate.history.runs import find_version
from harness.plugin.measuring import measure
from harness.records import Report
from harness.store import Store
from tests.models.adapters.adapters import write_adapter
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.repositories import commit_all

pytestmark = pytest.mark.service

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


def _shop(project: Project) -> str:
    """A project whose one version is right half of the time, and an evaluation that would look at it; its commit."""
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}}}
    project.body('return model.ask(case.prompt) == "yes"', threshold=0.9)
    project.settings["notify"] = "http://127.0.0.1:9/hook"
    project.write(".gitignore", ".steelyard/\nreports/\n__pycache__/\n.pytest_cache/\n")
    project.configure()
    return commit_all(project.path)


def test_a_session_measures_a_commit_without_looking_at_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = _shop(project)
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path.parent / "cache"))
    store = project.path / ".steelyard" / "store.db"
    asked = ["test_it.py", "--candidate", f"git:{commit}", "--samples", "7", "--store", str(store), "--for-baseline"]
    told = list[str]()
    report = measure(asked, {}, told.append)
    assert isinstance(report, Report), report
    (verdict,) = report.evaluations
    assert (str(verdict.verdict), verdict.n_samples, report.candidate.commit) == ("passed", 21, commit)
    with Store.open(str(store), readonly=True) as opened:
        assert [*opened.looks.of_candidate(report.candidate.fingerprint)] == []
        (run,) = opened.runs()
        assert run.spec["candidate"]["first_index"] == 1_000_000
        assert (run.is_gate, opened.gates()) == (False, [])
        assert find_version(opened.runs(), f"git:{commit}").run == run
    assert told[0].startswith("  21 requests, 0 answers were stored, ")
    assert not [each for each in ("reports", ".pytest_cache") if (project.path / each).exists()]


def test_what_cannot_be_measured_is_said(project: Project) -> None:
    _shop(project)
    told = measure(["test_it.py", "--candidate", "git:mian"], {}, print)
    assert isinstance(told, str)
    assert told.startswith("git:mian: no commit of this name is known here. Did you mean 'main'?")


def test_what_is_named_is_drawn_to_the_end_and_leaves_the_first_look(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.9, "no": 0.1}}}
    project.module(MODULE)
    project.configure()
    named, none = f"{project.path.resolve()}/test_it.py::test_it", ["--baseline", "none"]
    report = measure([str(project.path), *none, "--store", str(project.store)], {}, print, [named])
    assert isinstance(report, Report), report
    (verdict,) = report.evaluations
    assert (verdict.n_samples, verdict.plan.threshold, verdict.plan.review_mode) == (80, None, None)
    project.run("-k", "test_it", *none)
    with Store.open(str(project.store), readonly=True) as store:
        rows = store.looks.of_candidate(report.candidate.fingerprint)
        assert [row.number for row in rows if row.number] == [1]
        assert find_version(store.runs(), "latest").run.is_gate
    assert project.report()["usage"]["model_calls"] == 0


def test_what_others_warn_of_before_pytest_refuses_is_left_out(project: Project) -> None:
    _shop(project)
    project.write("conftest.py", "import sys\n\nprint('a warning', file=sys.stderr)\n")
    assert measure(["nowhere.py"], {}, print) == "file or directory not found: nowhere.py"


@pytest.mark.nightly
def test_checkpoints_answer_with_their_own_weights(project: Project) -> None:
    tuned = {"base": "m", "weights": "first", "adapter": "${CHECKPOINT}"}
    sampling = {"max_tokens": 2}
    project.versions = {
        "m": {"engine": "transformers", "weights": "${CHECKPOINT}", "sampling": sampling},
        "tuned": tuned,
    }
    project.body("return len(model.ask(case.prompt)) > 0", cases=2)
    project.configure()
    first = write_tiny_llama(project.path / "first")
    adapter = write_adapter(first, project.path / "adapter-1")
    prints = set()
    for name, place in (("m", first), ("tuned", adapter)):
        report = measure(["test_it.py", "--candidate", name, "--samples", "2"], {"CHECKPOINT": str(place)}, print)
        assert isinstance(report, Report), report
        prints.add(report.candidate.fingerprint)
    assert len(prints) == 2
