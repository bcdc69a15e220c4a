"""Evaluations of lm-eval tasks in whole runs: the marker's `task`, and `--task`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from harness.cli import main
from tests.loopback import Loopback
from tests.plugin.projects import Project
from tests.scoring.lm_eval.conftest import _cache as _cache
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, ROLLING, SUMS, write_task

pytestmark = pytest.mark.service

SUITE = """
    @pytest.mark.evaluation(task={task!r}{more})
    def test_it(): ...
"""
SAMPLED = {"until": ["\n"], "do_sample": True, "temperature": 0.7}
ANSWERS = {row["question"]: {row["answer"]: 0.75, "no": 0.25} for row in SUMS}
CHOICES = {row["question"]: {f" {choice}": 0.25 for choice in row["choices"]} for row in SUMS}


def prepare(project: Project, config: Any, *, marker: str = "", put: dict[str, Any] | None = None, **more: Any) -> Path:
    """Write a task and a module that gates it, `put` as its marker says."""
    path = write_task(project.path / "evals", config, more.pop("documents", SUMS), **more)
    name = f"evals/{path.stem}.yaml"
    project.module(SUITE.format(task={"name": name, **put} if put else name, more=marker))
    return path


def refused(project: Project, *options: str) -> str:
    """What a run says that is refused before anything is asked."""
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.stored() == 0
    return "\n".join([*result.outlines, *result.errlines])


def test_every_document_is_a_case_with_a_score_of_its_own(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    prepare(project, CHOICE)
    assert project.run("design=fixed").ret == 0
    entry = project.evaluation()
    assert entry["metric"] == "acc"
    assert (entry["n_cases"], entry["n_samples"]) == (20, 20)
    assert [case["id"].partition("-")[0] for case in entry["cases"]] == [str(number) for number in range(20)]
    assert project.stored() == 80


def test_a_task_is_weighed_against_a_recording(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": ANSWERS}}
    project.settings["margin"] = 0.4
    prepare(project, GENERATED, generation_kwargs=SAMPLED, marker=", samples=4")
    project.run("design=fixed")
    monkeypatch.chdir(project.path)
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "released"]).exit_code == 0
    project.run("--baseline", "released", "design=fixed")
    entry = project.evaluation()
    assert entry["verdict"] == "passed"
    record = entry["baseline_record"]
    assert (record["n_paired"], record["n_changed"], record["asked_otherwise"]) == (20, 0, 0)


def test_a_task_that_samples_is_sampled_again_and_again(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": ANSWERS}}
    prepare(project, GENERATED, generation_kwargs=SAMPLED, marker=", samples=4, design='fixed'")
    assert project.run().ret == 0
    entry = project.evaluation()
    assert (entry["n_cases"], entry["n_samples"]) == (20, 80)
    assert 0.5 < entry["candidate"]["value"] < 0.95
    assert "flaky" in {case["state"] for case in entry["cases"]}
    assert project.run("--offline").ret == 0
    assert project.evaluation()["candidate"] == entry["candidate"]


@pytest.mark.parametrize(("config", "more"), [(GENERATED, {}), (CHOICE, {}), (ROLLING, {})])
def test_what_is_the_same_each_time_is_asked_once_however_many_samples_are_wanted(
    project: Project, config: Any, more: dict[str, Any]
) -> None:
    project.versions = {"only": {"engine": "scripted", "default": "2", "sampling": {"temperature": 0.7}}}
    prepare(project, config, marker=", samples=4, design='fixed'", **more)
    assert project.run("--samples", "6").ret == 0
    assert project.evaluation()["n_samples"] == 20


def test_a_version_that_samples_is_sampled_where_the_task_does_not_say(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": ANSWERS, "sampling": {"temperature": 0.7}}}
    prepare(project, GENERATED, generation_kwargs=None, marker=", design='fixed'")
    assert project.run("--samples", "3").ret == 0
    assert project.evaluation()["n_samples"] == 60


def test_repeats_of_the_task_are_samples_unless_their_number_is_given(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": ANSWERS}}
    prepare(project, GENERATED, generation_kwargs=SAMPLED, repeats=3, marker=", design='fixed'")
    assert project.run().ret == 0
    assert project.evaluation()["n_samples"] == 60
    assert project.run("--samples", "5").ret == 0
    assert project.evaluation()["n_samples"] == 100


def test_two_versions_are_weighed_in_pairs(project: Project) -> None:
    worse = {row["question"]: {row["answer"]: 0.05, "no": 0.95} for row in SUMS}
    project.versions = {
        "good": {"engine": "scripted", "answers": ANSWERS},
        "bad": {"engine": "scripted", "answers": worse},
    }
    prepare(project, GENERATED, generation_kwargs=SAMPLED, marker=", samples=10, threshold=0.6, margin=0.1")
    assert project.run("--candidate", "bad", "--baseline", "good").ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "failed"
    assert {check["against"]: check["verdict"] for check in entry["checks"]} == {
        "threshold": "failed",
        "baseline": "regressed",
    }


def test_a_perplexity_is_compared_in_nats_and_what_lm_eval_reports_is_told_beside_it(project: Project) -> None:
    texts = {row["text"]: 0.04 for row in SUMS}
    project.versions = {
        name: {"engine": "scripted", "answers": {"": {**texts, "other": 0.2}}} for name in ("first", "second")
    }
    project.versions["second"]["answers"] = {"": {**dict.fromkeys(texts, 0.02), "other": 0.6}}
    prepare(project, ROLLING, marker=", margin=0.5")
    project.run("--candidate", "second", "--baseline", "first")
    entry = project.evaluation()
    assert (entry["unit"], entry["higher_is_better"], entry["design"]) == ("nats/word", False, "fixed")
    assert entry["difference"]["value"] > 0
    told = {each["name"]: (each["candidate"], each["baseline"]) for each in entry["aggregates"]}
    assert set(told) == {"word_perplexity", "byte_perplexity", "bits_per_byte"}
    assert all(candidate > baseline > 0 for candidate, baseline in told.values())


def test_metrics_can_be_named_each_with_a_verdict_of_its_own(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    prepare(project, CHOICE, put={"metric": ["acc_norm", "acc"]}, marker=", design='fixed'")
    assert project.run().ret == 0
    entries = project.report()["evaluations"]
    assert [entry["metric"] for entry in entries] == ["acc_norm", "acc"]
    assert [len(entry["aggregates"]) for entry in entries] == [3, 0]
    prepare(project, CHOICE, put={"metric": "acc_norm"}, marker=", design='fixed'")
    assert project.run().ret == 0
    assert project.evaluation()["metric"] == "acc_norm"


def test_a_group_is_an_item_for_each_of_its_tasks(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": {**CHOICES}}}
    for name in ("first", "second"):
        write_task(project.path / "evals", CHOICE, task=name)
    (project.path / "evals" / "both.yaml").write_text(yaml.safe_dump({"group": "both", "task": ["first", "second"]}))
    project.module(SUITE.format(task="evals/both.yaml", more=""))
    result = project.run("-v")
    result.stdout.fnmatch_lines(["*::test_it[[]first] PASSED*", "*::test_it[[]second] PASSED*"])
    result = project.run("-k", "second")
    result.assert_outcomes(passed=1, deselected=1)


def test_examples_and_chat_messages_are_for_the_marker_to_say(
    project: Project, loopback: Callable[..., Loopback]
) -> None:
    server = loopback(default="2")
    project.versions = {"only": {"engine": "openai", **server.settings()}}
    prepare(project, GENERATED, fewshot_split="test", put={"num_fewshot": 2, "apply_chat_template": True})
    assert project.run().ret == 0
    assert [len(body["messages"]) for body in server.received] == [5] * 20
    assert {body["max_tokens"] for body in server.received} == {8}


def test_an_endpoint_without_completions_is_an_error_that_says_so(
    project: Project, loopback: Callable[..., Loopback]
) -> None:
    server = loopback(has_completions=False)
    project.versions = {"only": {"engine": "openai", **server.settings()}}
    prepare(project, CHOICE)
    assert project.run().ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert "completions" in entry["errors"][0]


def test_a_task_needs_no_test_file(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    write_task(project.path / "evals", CHOICE)
    write_task(project.path / "evals" / "more", CHOICE, task="other")
    project.module("def test_plain():\n    raise AssertionError\n")
    twice = ["--task", "evals/choice.yaml", "--task=other", "--task=other"]
    result = project.run("-v", *twice, "design=fixed")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["evals/choice.yaml::choice PASSED*", "lm-eval::other PASSED*"])
    assert project.verdicts() == {"choice": "passed", "other": "passed"}
    assert [entry["id"] for entry in project.report()["evaluations"]] == ["evals/choice.yaml::choice", "lm-eval::other"]


def test_test_files_that_are_named_run_beside_tasks(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    write_task(project.path / "evals", CHOICE)
    project.module("def test_plain():\n    assert True\n")
    project.run("--task=evals/choice.yaml", "test_it.py").assert_outcomes(passed=2)
    project.run("--task=evals/choice.yaml", "-k", "nothing").assert_outcomes(deselected=1)
    project.run("--task=evals/choice.yaml", "--collect-only").stdout.fnmatch_lines(["*choice*", "*1 test collected*"])


@pytest.mark.nightly
def test_a_task_without_a_test_file_runs_in_a_worker(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    write_task(project.path / "evals", CHOICE)
    project.run_apart("-n", "2", "--task=evals/choice.yaml").assert_outcomes(passed=1)
    assert project.verdicts() == {"choice": "passed"}


@pytest.mark.nightly
def test_cases_can_be_chosen(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "answers": CHOICES}}
    prepare(project, CHOICE)
    assert project.run("--case", "1?-*").ret == 0
    assert project.evaluation()["n_cases"] == 10
    result = project.run("--case", "nothing*")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*No case named 'nothing[*]'. Cases: 0-*"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (", cases=[{'id': 'a'}]", "task= and cases= are both given"),
        (", per='case'", "task= and per= are both given"),
        (
            {"metric": "acc_nrm"},
            "No metric named 'acc_nrm'. Metrics: acc, acc_norm, exact_match. Did you mean 'acc_norm'?",
        ),
        ({"metric": 3}, "metric = 3 names no metric"),
        ({"metric": {"acc": 3}}, "metric = {'acc': 3} names no metric"),
        ({"num_fewshot": -1}, "num_fewshot = -1 is below 0"),
        ({"apply_chat_template": 1}, "apply_chat_template = 1 is neither true nor false"),
        ({"num_fewshots": 1}, "Did you mean 'num_fewshot'?"),
        (", threshold=2", "threshold = 2 is outside [0, 1]"),
        (", samplse=2", "No marker keyword named 'samplse'"),
    ],
)
def test_a_marker_that_cannot_be_is_refused_before_anything_is_asked(
    project: Project, marker: str | dict[str, Any], message: str
) -> None:
    prepare(project, CHOICE, **{"marker" if isinstance(marker, str) else "put": marker})
    said = refused(project)
    assert message in said
    assert "test_it.py::test_it" in said


def test_a_task_file_that_lm_eval_rejects_is_refused_with_its_file(project: Project) -> None:
    path = prepare(project, CHOICE, doc_to_txt="{{question}}")
    assert f"{path}: lm-eval can't load it: " in refused(project)
    path.unlink()
    assert "There is no task file 'evals/choice.yaml'" in refused(project)
    assert "There is no task file 'evals/x.yaml'" in refused(project, "--task=evals/x.yaml")


def test_data_that_is_missing_is_refused(project: Project) -> None:
    prepare(project, CHOICE)
    (project.path / "evals" / "choice.jsonl").unlink()
    assert "Unable to find" in refused(project)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@pytest.mark.evaluation(task='evals/choice.yaml')\ndef test_it(model, case): ...", "takes model, case"),
        ("@pytest.mark.evaluation(task=7)\ndef test_it(): ...", "task=7 is neither the path"),
        ("@pytest.mark.evaluation('evals/choice.yaml', task='x')\ndef test_it(): ...", "takes keywords only"),
        ("@pytest.mark.evaluation(task={'metric': 'acc'})\ndef test_it(): ...", "names none; write task={"),
    ],
)
def test_a_test_that_cannot_be_a_task_is_refused(project: Project, text: str, message: str) -> None:
    write_task(project.path / "evals", CHOICE)
    project.module(text)
    assert message in refused(project)
