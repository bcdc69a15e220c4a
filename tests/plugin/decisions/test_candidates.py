"""`candidates = "counted"` and `sealed=True`: what a gate says, and what it shows to whom."""

from __future__ import annotations

import pytest

from harness.config.environment import SEAL_KEY, seal_of
from harness.decisions import share_of
from harness.gate.history.runs import stored_report
from harness.gate.planning.candidates import next_candidates
from harness.gate.planning.power import PlanTarget
from harness.gate.planning.shapes import PlannedGate
from harness.gate.planning.simulation import Shape
from harness.reporting.plan import GatePlan, view
from harness.reporting.shared.names import row_names
from harness.statistics.online import candidate_level
from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service
BODY = "answer = model.ask(case.prompt)\nprint(answer)\nreturn answer == 'yes'"


@pytest.fixture
def gate(project: Project) -> Project:
    """A project of three versions that answer alike, with 30 cases; a wrong answer is "xylophone"."""
    answers = {"engine": "scripted", "default": {"yes": 0.95, "xylophone": 0.05}}
    others = {name: {"base": "good", "system": name} for name in ("one", "two")}
    project.versions = {"good": answers, **others}
    project.settings |= {"baseline": "good", "samples": 4, "margin": 0.15, "candidates": "counted"}
    project.body(BODY, cases=30)
    return project


def _shown(gate: Project) -> str:
    """All that the gate wrote for people and programs."""
    files = [each for each in (gate.path / "reports").rglob("*") if each.is_file()]
    return "\n".join(each.read_text("utf-8") for each in [*files, *gate.path.glob("*.xml")])


def test_the_second_candidate_is_decided_at_its_turn_and_both_versions_are_drawn_anew(gate: Project) -> None:
    for number, (name, drawn) in enumerate((("one", 240), ("two", 240), ("one", 0)), 1):
        gate.run("--candidate", name)
        assert gate.report()["usage"]["model_calls"] == drawn
        place = {1: "first", 2: "second, 1 green", 3: "first"}[number].partition(",")[0]
        assert any(f"the {place} candidate counted on these cases" in note for note in gate.notes())
    with Store.open(str(gate.path / ".steelyard/store.db"), readonly=True) as store:
        assert [run.spec["counted"] for run in store.runs()] == [["test_it.py::test_it"]] * 3


def test_without_counting_the_report_says_how_many_there_were(gate: Project) -> None:
    del gate.settings["candidates"]
    gate.versions["three"] = {"base": "good", "system": "three"}
    for name in ("one", "two"):
        gate.run("--candidate", name)
        assert not any("candidate weighed" in note for note in gate.notes())
    gate.run("--candidate", "three")
    third = "the third candidate weighed on these cases: of 3 tried blindly"
    assert any(third in note and "any is green by luck in up to 0.13" in note for note in gate.notes())
    gate.versions["fourth"] = {"base": "good", "system": "four"}
    gate.run("--candidate", "fourth", "--best-of", "4")
    assert any("any is green by luck in up to 0.04" in note for note in gate.notes())


@pytest.mark.parametrize(
    "marker",
    [{"about": "population"}, {"per": "case", "threshold": 0.9}, {"review": "all"}],
    ids=lambda each: str(each),
)
def test_what_can_not_be_counted_is_refused_with_what_to_do(gate: Project, marker: dict[str, object]) -> None:
    gate.body(BODY, cases=30, sealed=True, **marker)
    result = gate.run("--candidate", "one")
    assert result.ret == 4
    assert "sealed=True does not go with" in (result.stderr.str() + result.stdout.str())


def test_of_a_sealed_evaluation_nothing_but_its_verdict_leaves_the_gate(gate: Project) -> None:
    gate.body(BODY, cases=30, sealed=True)
    result = gate.run("--candidate", "one", "--junitxml", "junit.xml", "-rA")
    everything = _shown(gate) + result.stdout.str() + result.stderr.str()
    assert gate.evaluation()["verdict"] == "passed"
    assert "xylophone" not in everything
    assert "q17" not in everything
    assert [gate.evaluation()[name] for name in ("candidate", "baseline", "difference")] == [None] * 3


def test_what_fails_in_a_sealed_body_is_not_shown_either(gate: Project) -> None:
    gate.body("raise RuntimeError(f'no {case.prompt}: {model.ask(case.prompt)}')", cases=30, sealed=True)
    result = gate.run("--candidate", "one")
    everything = _shown(gate) + result.stdout.str() + result.stderr.str()
    assert gate.evaluation()["verdict"] == "error"
    assert "RuntimeError" not in everything
    assert SEAL_KEY in everything


def test_the_key_opens_it_and_that_is_noted(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.settings["seal"] = seal_of("the lead's")
    gate.body(BODY, cases=30, sealed=True)
    gate.run("--candidate", "one")
    url, name = str(gate.path / ".steelyard/store.db"), gate.report()["run_id"]
    with Store.open(url, readonly=True) as store:
        assert store.score_sets(name) == []
        assert store.looked_at() == frozenset()
    monkeypatch.setenv(SEAL_KEY, "the lead's")
    with Store.open(url, readonly=True) as store:
        assert len(store.score_sets(name)) == 2
        assert store.looked_at() == {name}
    gate.run("--candidate", "one")
    assert gate.report()["usage"]["model_calls"] == 0
    assert gate.evaluation()["difference"] is not None
    with Store.open(url, readonly=True) as store:
        assert gate.report()["run_id"] in store.looked_at()


def test_without_the_key_nothing_is_told_of_a_run_that_was_made_with_it(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.settings["seal"] = seal_of("the lead's")
    gate.versions["bad"] = {"engine": "scripted", "default": {"yes": 0.3, "xylophone": 0.7}}
    gate.body(BODY, cases=30, sealed=True)
    monkeypatch.setenv(SEAL_KEY, "the lead's")
    gate.run("--candidate", "bad")
    url, name = str(gate.path / ".steelyard/store.db"), gate.report()["run_id"]
    with Store.open(url, readonly=True) as store:
        opened = stored_report(store, name)
        monkeypatch.delenv(SEAL_KEY)
        closed = stored_report(store, name)
    assert "xylophone" in repr(opened)
    assert closed.evaluations[0].verdict == "regressed"
    assert not any(secret in repr(closed) for secret in ("xylophone", "q17"))


def test_a_plan_tells_what_the_next_candidate_passes_at_and_when_fresh_cases_are_due(gate: Project) -> None:
    """The first is green, the second worse: the third has two thirds of the level that it would have had else."""
    gate.versions["bad"] = {"engine": "scripted", "default": {"yes": 0.5, "xylophone": 0.5}}
    for name in ("one", "bad"):
        gate.run("--candidate", name)
    with Store.open(str(gate.path / ".steelyard/store.db"), readonly=True) as store:
        (following,) = next_candidates(store, PlannedGate((Shape(),), 1, 0.95, "assumed"), row_names)
        assert next_candidates(store, PlannedGate((), 1, 0.95, ""), row_names)[0].evaluation == following.evaluation
    assert (following.number, following.greens, following.cases, following.looked_at) == (3, 1, 30, None)
    assert following.level == pytest.approx(candidate_level(3, 1, 0.05) * share_of(1))
    assert following.green <= following.green_first
    assert following.due is not None
    plan = GatePlan(PlannedGate((), 1, 0.95, "assumed"), PlanTarget(), (), (following,))
    assert plan.as_json()["candidates"][0]["number"] == 3
    assert "the next candidate is the third counted on these cases, 1 green before it" in _words(plan)


def _words(plan: GatePlan) -> str:
    return " ".join(" ".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in view(plan))


def test_versions_that_give_the_same_answers_again_are_refused(gate: Project) -> None:
    gate.versions["two"]["sampling"] = {"seed": 7}
    result = gate.run("--candidate", "two")
    assert result.ret == 4
    assert "two has a seed in its sampling" in result.stdout.str() + result.stderr.str()


def test_an_anchor_that_is_moved_is_not_chosen_by_draws_that_were_seen(gate: Project) -> None:
    gate.versions["three"] = {"base": "good", "system": "three"}
    gate.run("--candidate", "three", "--baseline", "two")
    for anchor, drawn in (("one", 360), ("two", 360), ("two", 0)):
        gate.settings["anchor"] = anchor
        gate.run("--candidate", "three")
        assert gate.report()["usage"]["model_calls"] == drawn
