"""deepeval's metrics in a project: one line in a body, from the judge's answers to the verdict."""

from __future__ import annotations

import json

import pytest

from harness.store import Store
from tests.plugin.projects import INI, Project

pytestmark = pytest.mark.service

MODULE = """
    from deepeval.metrics import FaithfulnessMetric

    CASES = [
        {"id": f"c{i}", "prompt": f"q{i}", "passages": ["The bridge was built in 1932."]} for i in range(30)
    ]

    @pytest.mark.evaluation(cases=CASES, samples=2, threshold=0.5, margin=0.2)
    async def test_faithful(model, case, judge):
        answer = await model.ask(case.prompt)
        return await judge.measure(FaithfulnessMetric, input=case.prompt, output=answer, context=case.passages)

    @pytest.mark.evaluation(cases=CASES, samples=2, threshold=0.5, margin=0.2)
    def test_named(model, case, judge):
        return judge.measure("HallucinationMetric", input=case.prompt, output=model.ask(case.prompt), context="c")
"""


def said(*verdicts: str) -> str:
    found = [{"verdict": verdict, "reason": f"because {verdict}"} for verdict in verdicts]
    return json.dumps({"truths": ["t"], "claims": ["c"], "verdicts": found, "reason": "so it is"})


@pytest.fixture
def measured(project: Project) -> Project:
    """A project whose judge finds every claim right."""
    project.versions = {
        "only": {"engine": "scripted", "default": "In 1932."},
        "small": {"engine": "scripted", "default": said("yes")},
    }
    project.settings |= {"candidate": "only", "judge": "small"}
    project.module(MODULE)
    return project


def test_one_line_in_either_kind_of_body(measured: Project) -> None:
    assert measured.run().ret == 0
    assert (measured.score("test_faithful"), measured.score("test_named")) == (1.0, 1.0)
    (summary,) = measured.evaluation("test_faithful")["judges"]
    assert (summary["name"], summary["n_malformed"]) == ("small", 0)
    with Store.open(str(measured.store), readonly=True) as store:
        rows = list(store.scores(store.runs()[-1].run_id))
    assert {row.reason for row in rows} == {"so it is"}
    assert {row.judged_by.rubric.partition("-")[0] for row in rows if row.judged_by} == {
        "FaithfulnessMetric",
        "HallucinationMetric",
    }


def test_what_the_judge_said_is_in_the_store_and_not_asked_again(measured: Project) -> None:
    assert measured.run().ret == 0
    assert measured.run("--offline").ret == 0
    usage = measured.report()["usage"]
    assert (usage["model_calls"], usage["stored_samples"] > 0) == (0, True)


def test_a_metric_below_its_threshold_fails(measured: Project) -> None:
    measured.versions["small"]["default"] = said("no", "no", "yes")
    assert measured.run("-k", "faithful").ret == 1
    assert measured.verdicts() == {"test_faithful": "failed"}
    assert measured.score("test_faithful") == pytest.approx(1 / 3)


def test_a_judge_that_can_not_judge_makes_an_error_and_its_answers_are_counted(measured: Project) -> None:
    measured.versions["small"]["default"] = '{"opinion": "I would say it is fine."}'
    result = measured.run("-k", "faithful")
    assert result.ret == 1
    assert measured.verdicts() == {"test_faithful": "error"}
    (summary,) = measured.evaluation("test_faithful")["judges"]
    assert summary["n_malformed"] == summary["n_answers"] > 0
    assert "answers did not follow the form" in measured.evaluation("test_faithful")["reason"]


def test_an_engines_error_is_the_evaluations(measured: Project) -> None:
    measured.versions["small"]["default"] = "no JSON"
    assert measured.run("-k", "faithful").ret == 1
    assert "a schema is asked for, and the scripted answer" in measured.evaluation("test_faithful")["reason"]


def test_a_metric_that_lacks_what_it_needs_is_an_error_that_names_it(measured: Project) -> None:
    measured.body('return judge.measure("FaithfulnessMetric", output="!")', arguments="case, judge")
    assert measured.run().ret == 1
    reason = measured.evaluation()["reason"]
    assert "FaithfulnessMetric needs input, retrieval_context: write judge.measure(" in reason


@pytest.mark.nightly
def test_deepevals_own_plugin_is_no_hindrance(measured: Project) -> None:
    measured.ini = INI.replace("-p no:deepeval ", "").replace("filterwarnings = error\n", "")
    result = measured.run_apart()
    result.assert_outcomes(passed=2)
    assert result.ret == 0


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ('"FaithfullnessMetric"', "No metric named 'FaithfullnessMetric'. Metrics: "),
        ('"ArenaGEval"', "ArenaGEval is no metric of one answer"),
        ("dict", "dict is no metric of one answer"),
        ("NAME", "No metric named 'Faith'."),
    ],
)
def test_a_metric_that_cannot_be_used_is_refused_before_anything_is_asked(
    measured: Project, metric: str, message: str
) -> None:
    measured.body(f'return judge.measure({metric}, output=model.ask("q"))', arguments="model, case, judge")
    path = measured.path / "test_it.py"
    path.write_text(f"dict = dict\nNAME = 'Faith'\n{path.read_text()}")
    result = measured.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = result.stderr.str()
    assert f"test_it.py::test_it, line 7: {message}" in said
    assert measured.stored() == 0
