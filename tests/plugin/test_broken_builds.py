"""A step that can't be built does not lose the others: they are decided, and what needs it is an error."""

from __future__ import annotations

import pytest

from harness.store import Store
from tests.libraries import needed
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.stages.data.projects import write_lines

needed("torch")
needed("peft")

pytestmark = pytest.mark.service

SUITE = """
    CASES = [{"id": name, "prompt": f"When did the {name} leave?"} for name in ("anna", "berta", "clara", "dora")]

    @pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.1)
    def test_corpus(corpus, case):
        assert corpus[case.id].kept

    @pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.1)
    def test_student(distillation, case):
        assert distillation.ratios["parameters"] < 1

    @pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.1)
    def test_adapter(adapter, case):
        assert adapter.rank == 8

    @pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.1)
    def test_passages(retriever, case):
        assert [each.id for each in retriever.search(case.prompt)] == [case.id]

    @pytest.mark.evaluation(cases=CASES, threshold=1.0, margin=0.1)
    def test_answers(model, case):
        assert model.ask(case.prompt)
"""


def test_the_stages_before_and_beside_a_training_that_diverges_are_decided(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(project.path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(project.path / "weights")
    names = ("anna", "berta", "clara", "dora", "emma", "frieda", "greta", "hanna")
    ships = [{"id": name, "text": f"The {name} left the harbour at dawn."} for name in names]
    write_lines(project.path / "ships.jsonl", ships)
    project.settings["corpora"] = {"clean": {"documents": "ships.jsonl"}}
    brief = {"batch": 2, "length": 24}
    taught = {"teacher": "teacher", "data": "clean", "student": {"layers": 2}, "steps": 1, **brief}
    adapter = {"data": "ships.jsonl", "steps": 4, "learning_rate": 1e38, **brief}
    project.versions = {
        "teacher": {"engine": "transformers", "weights": "weights"},
        "student": {"base": "teacher", "distilled": taught},
        "release": {"base": "student", "adapter": adapter, "retrieval": {"passages": "ships.jsonl", "k": 1}},
    }
    project.module(SUITE)

    asked = ("--candidate", "release", "--baseline", "none")
    result = project.run(*asked)
    assert result.ret == 1
    whole = {"test_corpus": "passed", "test_student": "passed", "test_passages": "passed"}
    assert project.verdicts() == {**whole, "test_adapter": "error", "test_answers": "error"}
    reason = project.evaluation("test_answers")["reason"]
    assert "release could not be built. [models.release] adapter: Training diverged" in reason
    assert "Kept: distilled of student, retrieval of release." in reason
    assert project.evaluation("test_adapter")["reason"].count("could not be built") == 1
    with Store.open(str(project.store), readonly=True) as store:
        looks = store.looks.of_candidate(project.report()["candidate"]["fingerprint"])
    assert {"test_corpus", "test_answers"} & {row.evaluation_id[12:] for row in looks if row.number} == {"test_corpus"}

    project.versions["release"]["adapter"] = {**adapter, "learning_rate": 1e-4}
    assert project.run(*asked, "-k", "adapter").ret == 0
