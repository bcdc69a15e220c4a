from __future__ import annotations

import math
import unittest
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ScoreError, TaskError
from harness.scoring.lm_eval.metrics import Metrics
from harness.scoring.lm_eval.tasks import load_tasks
from harness.scoring.results import Reading
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, ROLLING, write_task

TWO_PIPELINES = [{"name": name, "filter": [{"function": "take_first"}]} for name in ("strict", "loose")]


def metrics(folder: Path, config: Any, wanted: Any = None, **more: Any) -> Metrics:
    (task,) = load_tasks(str(write_task(folder, config, **more)), [folder])
    return Metrics(task, wanted or {}, "here")


def listed(*names: str) -> list[dict[str, str]]:
    return [{"metric": name} for name in names]


def figure(found: Metrics, results: dict[str, Any]) -> Reading:
    (reading,) = found.readings(results, "why").values()
    return reading


@pytest.mark.service
def test_the_first_metric_is_weighed_unless_others_are_named(tmp_path: Path) -> None:
    assert metrics(tmp_path, CHOICE).weighed == ("acc",)
    assert metrics(tmp_path, CHOICE).names == ("acc", "acc_norm", "exact_match")
    assert metrics(tmp_path, CHOICE, {"acc_norm": None}).weighed == ("acc_norm",)
    assert metrics(tmp_path, CHOICE, {"acc_norm,none": None, "acc": None}).weighed == ("acc_norm", "acc")


@pytest.mark.service
def test_of_several_pipelines_the_first_counts_and_a_metric_alone_names_all(tmp_path: Path) -> None:
    found = metrics(tmp_path, GENERATED, filter_list=TWO_PIPELINES)
    assert found.names == ("exact_match,strict", "exact_match,loose")
    assert found.weighed == ("exact_match,strict",)
    assert metrics(tmp_path, GENERATED, {"exact_match": None}, filter_list=TWO_PIPELINES).weighed == found.names
    one = metrics(tmp_path, GENERATED, {"exact_match,loose": None}, filter_list=TWO_PIPELINES)
    assert one.weighed == ("exact_match,loose",)


def test_a_metric_that_the_task_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"here: task 'choice': No metric named 'acc_nrm'.*Did you mean 'acc_norm'?"):
        metrics(tmp_path, CHOICE, {"acc_nrm": None})


def test_a_figure_over_all_documents_alone_is_refused_and_skipped_where_there_is_another(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"metric 'f1' of task 'choice' is one figure over all .*another metric: acc\."):
        metrics(tmp_path, CHOICE, {"f1": None}, metric_list=listed("f1", "acc"))
    with pytest.raises(TaskError, match=r"metric 'f1, mcc' .* It has no other metric"):
        metrics(tmp_path, CHOICE, metric_list=listed("f1", "mcc"))
    assert metrics(tmp_path, CHOICE, metric_list=listed("f1", "acc")).weighed == ("acc",)


def test_a_score_keeps_its_reason_and_what_is_made_of_it(tmp_path: Path) -> None:
    found = metrics(tmp_path, CHOICE)
    results = {"acc": 1.0, "acc_norm": 0.0}
    assert figure(found, results) == Reading(1.0, "why", results)
    assert not found.has_measures


@pytest.mark.parametrize(
    ("metric", "value", "unit"),
    [
        ("word_perplexity", 2.5, "nats/word"),
        ("byte_perplexity", 2.5, "nats/byte"),
        ("bits_per_byte", 2.5 / math.log(2), "bits/byte"),
    ],
)
def test_a_perplexity_is_nats_for_each_word_or_byte_lower_being_better(
    tmp_path: Path, metric: str, value: float, unit: str
) -> None:
    found = metrics(tmp_path, ROLLING, {metric: None})
    results = {metric: (-25.0, 10)}
    assert figure(found, results) == Reading(pytest.approx(value), "why", results, unit=unit, higher_is_better=False)
    assert found.has_measures
    with pytest.raises(unittest.SkipTest):
        found.readings({metric: (0.0, 0)}, None)


def test_other_metrics_with_an_aggregation_of_their_own_have_a_figure_for_one_document_too(tmp_path: Path) -> None:
    likelihood = {**CHOICE, "output_type": "loglikelihood", "doc_to_choice": None, "doc_to_target": " {{answer}}"}
    nats = figure(metrics(tmp_path, likelihood, metric_list=listed("perplexity")), {"perplexity": -3.5})
    assert (nats.value, nats.unit, nats.higher_is_better) == (3.5, "nats", False)
    brier = figure(metrics(tmp_path, CHOICE, metric_list=listed("brier_score")), {"brier_score": (1, [0.5, 0.5])})
    assert (brier.value, brier.unit, brier.higher_is_better) == (0.5, "squared error", False)
    for name, right, higher in (("bleu", 100, True), ("chrf", 100, True), ("ter", 0, False)):
        points = figure(metrics(tmp_path, GENERATED, metric_list=listed(name)), {name: ("a b c d e", "a b c d e")})
        assert (points.value, points.unit, points.higher_is_better) == (pytest.approx(right), "points", higher)


def own_metric(folder: Path, wanted: Any = None, *, higher: bool = True) -> Metrics:
    """A metric that the task works out by itself."""
    folder.mkdir(exist_ok=True)
    (folder / "functions.py").write_text("def score(doc, results):\n    return {'own': 1}\n")
    entry = {"metric": "own", "aggregation": "mean", "higher_is_better": higher}
    path = write_task(folder, GENERATED, metric_list=[entry])
    path.write_text(path.read_text() + "process_results: !function functions.score\n")
    (task,) = load_tasks(str(path), [folder])
    return Metrics(task, wanted or {}, "here")


def test_a_mean_of_other_figures_needs_a_unit(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"metric 'own' .* gave 37.5, .* Say what it counts: metric={'own': 'points'}"):
        own_metric(tmp_path).readings({"own": 37.5}, None)
    found = own_metric(tmp_path, {"own": "points"})
    assert found.has_measures
    assert figure(found, {"own": 37.5}).unit == "points"


def test_a_share_may_be_better_when_it_is_lower(tmp_path: Path) -> None:
    reading = figure(own_metric(tmp_path, higher=False), {"own": True})
    assert (reading.value, reading.unit, reading.higher_is_better) == (1.0, None, False)


@pytest.mark.parametrize("value", [("a", "b"), "text", [1, 0]])
def test_what_is_no_number_is_an_error_that_names_the_metric(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ScoreError, match="metric 'own' of task 'generated' is one figure over all documents"):
        own_metric(tmp_path).readings({"own": value}, None)


@pytest.mark.parametrize("results", [{}, {"own": math.nan}])
def test_a_document_without_a_value_is_left_out_as_lm_eval_does(tmp_path: Path, results: dict[str, Any]) -> None:
    with pytest.raises(unittest.SkipTest, match="the task gives no own for this document"):
        own_metric(tmp_path).readings(results, None)


def test_what_lm_eval_would_report_of_all_documents_is_told_for_every_metric_that_has_it(tmp_path: Path) -> None:
    found = metrics(tmp_path, CHOICE, metric_list=listed("acc", "f1", "mcc"))
    told = found.over_all([{"acc": 1, "f1": (1, 1)}, {"acc": 0, "f1": (1, 0)}])
    assert told == {"acc": 0.5, "f1": pytest.approx(2 / 3)}
    assert found.over_all([{"f1": "no pair"}]) == {}
    rolling = metrics(tmp_path, ROLLING)
    pair = (-25.0, 10), (-5.0, 5)
    assert rolling.over_all([{"word_perplexity": each} for each in pair]) == {"word_perplexity": math.exp(2)}
