"""What MLflow is told of a run."""

from __future__ import annotations

import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from harness.tracking.fields import _entry_metrics as entry_metrics
from harness.tracking.fields import key, run_metrics, run_name, run_parameters, run_tags, table, text
from tests.tracking.reports import NAMES, entry, report, spec


def test_a_run_is_named_by_what_was_weighed() -> None:
    assert run_name(report()) == "small against large"
    assert run_name(report(baseline=None)) == "small"


def test_parameters_say_what_the_gate_was_made_with() -> None:
    assert run_parameters(spec(environment={"python": "3.11.2", "packages": {"numpy": "2.3"}}), report()) == {
        "confidence_level": "0.95",
        "samples": "5",
        "margin": "0.05",
        "design": "sequential",
        "seed": "0",
        "inconclusive": "fail",
        "candidate": "small",
        "candidate.fingerprint": "f0",
        "candidate.engine": "transformers",
        "candidate.weights": "models:/tiny/3",
        "candidate.sampling.temperature": "0.7",
        "baseline": "large",
        "baseline.fingerprint": "f1",
        "judge small judge": "small judge",
        "judge small judge.fingerprint": "f2",
        "python": "3.11.2",
        "packages.numpy": "2.3",
    }


def test_a_recorded_baseline_is_named_by_its_run() -> None:
    recorded = {"name": "large", "fingerprint": "f1", "recorded": {"run_id": "r7", "created": "2026-11-20"}}
    parameters = run_parameters(spec(baseline=recorded), report())
    assert (parameters["baseline.recorded.run_id"], parameters["baseline.recorded.created"]) == ("r7", "2026-11-20")


def test_a_budget_is_a_parameter_and_what_it_stopped_is_tagged() -> None:
    cut = report(budget={"limits": {"max_tokens": 100, "max_cost": None}, "spent": {}, "stopped_by": "max_tokens"})
    assert run_parameters(spec(), cut)["max_tokens"] == "100"
    assert "max_cost" not in run_parameters(spec(), cut)
    assert run_tags(spec(), cut, "")["steelyard.stopped_by"] == "max_tokens"


def test_every_estimate_has_its_interval() -> None:
    assert entry_metrics(entry(), "score") == {
        "score": 0.9,
        "score.low": 0.85,
        "score.high": 0.95,
        "score.standard_error": 0.02,
        "score.baseline": 0.92,
        "score.baseline_low": 0.88,
        "score.baseline_high": 0.96,
        "score.baseline_standard_error": 0.02,
        "score.difference": -0.02,
        "score.difference_low": -0.04,
        "score.difference_high": 0.0,
        "score.p_value": 0.03,
        "score.n_cases": 40.0,
        "score.n_samples": 200.0,
    }


def test_with_a_threshold_and_a_baseline_both_differences_are_told() -> None:
    own = {"value": 0.4, "standard_error": 0.02, "low": 0.31, "high": 0.47, "p_value": 0.0, "method": "t"}
    checks = [{"against": "threshold", "difference": own}, {"against": "baseline", "difference": entry()["difference"]}]
    more = {
        "score.threshold_difference": 0.4,
        "score.threshold_difference_low": 0.31,
        "score.threshold_difference_high": 0.47,
    }
    assert entry_metrics(entry(checks=checks), "score") == {**entry_metrics(entry(), "score"), **more}
    alone = entry(checks=checks[:1], baseline=None, difference=own)
    assert entry_metrics(alone, "score")["score.difference_low"] == 0.31
    assert "score.threshold_difference" not in entry_metrics(alone, "score")


def test_a_judge_is_told_with_its_flips_and_their_interval() -> None:
    flip = {"value": 0.1, "standard_error": 0.01, "low": 0.08, "high": 0.13, "method": "t"}
    judge = {"name": "small judge", "n_answers": 80, "n_malformed": 2, "noise": None, "flip": flip, "first_wins": None}
    figures = entry_metrics(entry(judges=[judge]), "it/score")
    assert {name: figures[name] for name in figures if "judge" in name} == {
        "it/score/judge/small judge.n_answers": 80.0,
        "it/score/judge/small judge.n_malformed": 2.0,
        "it/score/judge/small judge.flip": 0.1,
        "it/score/judge/small judge.flip_low": 0.08,
        "it/score/judge/small judge.flip_high": 0.13,
        "it/score/judge/small judge.flip_standard_error": 0.01,
    }


def test_a_number_that_there_is_not_is_left_out() -> None:
    """report.json has null for what was not finite, such as the bounds of an evaluation that broke."""
    broken = entry(candidate=None, difference=None, baseline={**entry()["baseline"], "low": None, "high": None})
    assert set(entry_metrics(broken, "score")) == {
        "score.baseline",
        "score.baseline_standard_error",
        "score.n_cases",
        "score.n_samples",
    }


def test_figures_over_all_cases_stand_beside_the_scores() -> None:
    figures = entry_metrics(entry(aggregates=[{"name": "bleu", "candidate": 31.5, "baseline": None}]), "translation")
    assert figures["translation/bleu"] == 31.5
    assert "translation/bleu.baseline" not in figures


def test_the_gate_counts_verdicts_and_cost_and_has_the_estimates_of_all_evaluations() -> None:
    metrics = run_metrics(report(evaluations=[entry(), entry(metric="length", verdict="failed")]), NAMES)
    assert metrics["evaluations"] == 1
    assert (metrics["verdicts.passed"], metrics["verdicts.failed"], metrics["verdicts.error"]) == (1, 1, 0)
    assert (metrics["usage.model_calls"], metrics["usage.wall_s"]) == (400, 1.5)
    assert metrics["foundation/test_capitals/score"] == 0.9
    assert metrics["foundation/test_capitals/length.difference_low"] == -0.04


def test_tags_name_verdict_and_versions() -> None:
    tags = run_tags(spec(commit="0a1b"), report(), "green")
    assert tags == {
        "steelyard.run_id": "20261124-160312-0a1b2c",
        "steelyard.verdict": "passed",
        "mlflow.note.content": "green",
        "steelyard.exit_code": "0",
        "steelyard.candidate": "small",
        "steelyard.candidate.fingerprint": "f0",
        "steelyard.candidate.registered": "models:/tiny/3",
        "steelyard.baseline": "large",
        "steelyard.baseline.fingerprint": "f1",
        "steelyard.judges": "small judge",
        "mlflow.source.git.commit": "0a1b",
    }


def test_tags_name_where_a_prompt_stands() -> None:
    told = spec()
    told["candidate"] = {**told["candidate"], "prompts": {"template": "file:ask.md"}}
    assert run_tags(told, report(), "")["steelyard.candidate.template"] == "file:ask.md"


def test_the_table_has_a_row_for_each_metric() -> None:
    found = table(report(evaluations=[entry(), entry(metric="length", candidate=None, difference=None)]), NAMES)
    assert found["evaluation"] == ["foundation/test_capitals"] * 2
    assert (found["metric"], found["verdict"]) == (["score", "length"], ["passed", "passed"])
    assert (found["candidate"], found["difference_low"]) == ([0.9, None], [-0.04, None])


def test_a_name_that_mlflow_takes_stays_as_it_is_and_another_is_told_apart() -> None:
    assert key("foundation/test_capitals", "score") == "foundation/test_capitals/score"
    assert key("test_it[a+b]", "score").startswith("test_it_a_b_/score ")
    assert key("test_it[a+b]", "score") != key("test_it[a*b]", "score")
    assert key("a", "..", "b") != key("a", "b") == "a/b"


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_name_is_one_of_mlflows(parts: list[str]) -> None:
    """As its own check has it: letters, digits and some marks, a path that is as short as can be, 250 characters."""
    name = key(*parts)
    assert re.fullmatch(r"[/\w.\- :]+", name)
    assert posixpath.normpath(name) == name
    assert not name.startswith(("/", ".."))
    assert len(name) + len(".baseline_standard_error") <= 250


def test_a_text_is_one_that_every_database_takes() -> None:
    assert (text("abcdef", 4), text("abcd", 4)) == ("abc…", "abcd")
    assert text("a\0b\ud800c") == "a\ufffdb\ufffdc"
