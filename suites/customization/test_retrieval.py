"""What the retriever finds, without any model."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from harness import NotInLineageError, Retriever, checks

ROOT = Path(__file__).parents[2]
HANDBOOK = "evals/customization/handbook"
QUERIES = f"{HANDBOOK}/queries/cases.jsonl"
K = 3
BUILD = """
import json, sys
from pathlib import Path
from harness.config.customization import RetrievalSettings
from harness.models.retrieval.index import build_index
build_index(RetrievalSettings(**json.loads(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
"""


def of_queries(threshold, cases=QUERIES, margin=0.05):
    """An evaluation of what is found for questions, each asked once: a retriever finds the same each time.

    Chance is in which questions there are. The margin is the least that 75 can show of a retriever that is as good.
    """
    return pytest.mark.evaluation(
        cases=cases,
        samples=1,
        design="fixed",
        threshold=threshold,
        margin=margin,
        about="population",
        requirement="Non-functional: the passage that answers a question is among those that a version is given.",
    )


def ids(retriever, question):
    return [find.id for find in retriever.search(question, K)]


@of_queries(0.8)
def test_recall(retriever, case):
    return checks.recall_at(ids(retriever, case.prompt), case.relevant, K)


@of_queries(0.85)
def test_first_relevant(retriever, case):
    return checks.reciprocal_rank(ids(retriever, case.prompt), case.relevant)


@of_queries(0.82)
def test_gain(retriever, case):
    """The passage that answers has grade 2, one that only tells of the matter 1: their order counts."""
    return checks.ndcg_at(ids(retriever, case.prompt), case.relevant, K)


@of_queries(0.95, cases=f"{HANDBOOK}/inflected/cases.jsonl", margin=0.2)
def test_inflected(retriever, case):
    return checks.recall_at(ids(retriever, case.prompt), case.relevant, K)


@pytest.mark.evaluation(
    cases=QUERIES,
    samples=1,
    design="fixed",
    threshold=1.0,
    margin=0.05,
    requirement="Non-functional: as many passages are given as the version says, the best first.",
)
def test_as_many_as_asked_for(retriever, case):
    if not retriever.passages:
        pytest.skip("nobody knows how many passages a function searches; its settings name no `passages`")
    everything = retriever.search(case.prompt, len(retriever.passages))
    scores = [find.score for find in everything]
    assert scores == sorted(scores, reverse=True), f"the scores do not fall: {scores}"
    for k in (1, retriever.settings.k, 10):
        found = retriever.search(case.prompt, k)
        assert found == everything[:k], f"k = {k} found {len(found)} passages, or others than the best {k}"
    given = retriever.search(case.prompt)
    assert given == everything[: retriever.settings.k], f"the version gives {len(given)} passages"


@pytest.mark.evaluation(
    cases="evals/customization/rankings/cases.jsonl",
    samples=1,
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a figure of a ranking is trec_eval's figure of that name.",
)
def test_measures(retriever, case):
    """The same measures tell how good every retriever is, so nothing is asked of this one. An exponential gain is that
    of the grades 2^grade - 1.
    """
    exponential = {name: 2**grade - 1 for name, grade in case.relevant.items()}
    measured = {
        "recall": checks.recall_at(case.ranking, case.relevant, case.k),
        "precision": checks.precision_at(case.ranking, case.relevant, case.k),
        "reciprocal_rank": checks.reciprocal_rank(case.ranking, case.relevant),
        "average_precision": checks.average_precision(case.ranking, case.relevant),
        "ndcg": checks.ndcg_at(case.ranking, case.relevant, case.k),
        "exponential_ndcg": checks.ndcg_at(case.ranking, exponential, case.k),
    }
    wrong = [name for name, score in measured.items() if abs(score.value - case.expected[name]) > 5e-5]
    assert not wrong, f"{wrong[0]} is {measured[wrong[0]].value}, trec_eval's is {case.expected[wrong[0]]}"


@pytest.mark.evaluation(
    cases=[{"id": seed} for seed in ("1", "2", "3")],
    samples=1,
    design="fixed",
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: the same passages give the same index in every process, read as it was built.",
)
def test_built_again(retriever, case, tmp_path_factory):
    if retriever.folder is None:
        pytest.skip("a function of the project searches, and no index is built")
    folder = tmp_path_factory.mktemp("index")
    command = [sys.executable, "-c", BUILD, json.dumps(asdict(retriever.settings)), str(folder), str(ROOT)]
    hashed = {**os.environ, "PYTHONHASHSEED": case.id, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=hashed, capture_output=True)
    once, again = contents(retriever.folder), contents(folder)
    differs = sorted(name for name in once.keys() | again.keys() if once.get(name) != again.get(name))
    assert not differs, f"{differs[0]} differs, and {len(differs) - 1} other files"
    loaded = Retriever(retriever.settings, folder)
    for line in (ROOT / QUERIES).read_text(encoding="utf-8").splitlines():
        question = json.loads(line)["prompt"]
        assert loaded.search(question) == retriever.search(question), f"other passages are found for {question!r}"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.evaluation(
    cases=f"{HANDBOOK}/inflected/cases.jsonl",
    samples=1,
    threshold=1.0,
    margin=0.3,
    requirement="Non-functional: what is found reaches the model, and the question with it.",
)
async def test_put(model, base, retriever, case):
    """By the tokens that were read: as many as question and passages have, and fewer only where a budget cuts these."""
    if {"retrieval", "context"} & {*base.steps}:
        raise NotInLineageError(base.name, "way to be asked a question alone", "no retrieval and no context")
    asked = case.prompt, retriever.prompt(case.prompt, retriever.search(case.prompt))
    alone, whole = [(await base.chat(each, max_tokens=1, temperature=0)).prompt_tokens for each in asked]
    ours = (await model.chat(case.prompt, max_tokens=1, temperature=0)).prompt_tokens
    told = f"{ours} tokens were read; the question has {alone}, with its passages {whole}"
    assert alone < ours <= whole if "context" in model.steps else ours == whole, told
