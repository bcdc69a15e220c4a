"""`--collect-only` tells the most that a gate can ask and cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.loopback.thread import Loopback
from tests.plugin.judges import RATE
from tests.plugin.projects import Project
from tests.plugin.reviews import PREFER
from tests.scoring.judging.panel import rated

ASKS = "assert model.ask(case.prompt)"


@pytest.fixture
def pair(project: Project) -> Project:
    """Two versions, of which one has a price."""
    project.versions = {name: {"engine": "scripted", "default": f"yes, says {name}"} for name in ("old", "new")}
    project.settings |= {"candidate": "new", "baseline": "old"}
    project.body(ASKS, cases=10, design="fixed", margin=0.5)
    return project


def line_of(project: Project, *arguments: str) -> str | None:
    result = project.run("--collect-only", *arguments)
    assert result.ret == 0
    lines = [each.removeprefix("steelyard: at most ") for each in result.outlines if "steelyard: at most" in each]
    return lines[0] if lines else None


def test_without_a_store_it_counts_and_makes_none(pair: Project) -> None:
    assert line_of(pair) == "40 requests"
    assert line_of(pair, "--baseline", "none", "--samples", "3") == "30 requests"
    assert line_of(pair, "max_requests=25") == "25 requests"
    assert line_of(pair, "--deadline", "5s", "--case", "c1") == "4 requests, some 5 s"
    assert not (pair.path / ".steelyard").exists()
    assert not (pair.path / "reports").exists()


def test_what_is_stored_is_not_counted_until_it_would_be_drawn_anew(pair: Project) -> None:
    pair.run("--candidate", "old", "--baseline", "none")
    assert line_of(pair) == "40 requests"
    pair.run()
    assert line_of(pair) == "0 requests; 40 answers are stored"
    assert line_of(pair, "--samples", "3") == "20 requests; 40 answers are stored"
    assert line_of(pair, "--fresh") == "40 requests"
    assert line_of(pair, "--offline") is None
    assert line_of(pair, "-q") is None
    pair.versions["new"]["default"] = "another answer"
    assert line_of(pair) == "20 requests; 20 answers are stored"
    pair.body(ASKS, cases=11, design="fixed", margin=0.5)
    assert line_of(pair) == "44 requests"


def test_it_is_no_less_than_a_gate_then_asks(pair: Project) -> None:
    line = line_of(pair)
    pair.run()
    usage = pair.report()["usage"]
    assert line == f"{usage['model_calls']} requests"


def test_cost_is_at_the_dearest_that_is_stored(project: Project, loopback: Callable[..., Loopback]) -> None:
    server = loopback()
    priced = server.settings(engine="openai", price={"input": 1000.0, "output": 1000.0})
    project.versions = {name: {**priced, "revision": name} for name in ("first", "second")}
    project.body(ASKS, cases=4, design="fixed")
    project.run("--candidate", "first")
    n_asked, usage = server.stats["requests"], project.report()["usage"]
    of_all = (usage["prompt_tokens"] + usage["completion_tokens"]) / 1000
    line = line_of(project, "--candidate", "second")
    assert line is not None
    n_requests, cost, *time = line.split(", ")
    assert n_requests == "8 requests"
    assert of_all <= float(cost.removeprefix("at most ")) * 1.001
    bounded = line_of(project, "--candidate", "second", "--max-cost", "0.001")
    assert bounded == ", ".join(["8 requests", "at most 0.001", *time])
    assert server.stats["requests"] == n_asked


def test_a_judge_is_asked_about_each_answer_and_its_cost_is_not_known(judged: Project) -> None:
    judged.body(RATE, cases=4, arguments="model, case, judge")
    assert line_of(judged) == "16 requests"
    judged.run()
    assert line_of(judged) == "0 requests; 16 answers are stored"
    judged.versions["small"]["default"] = rated(4)
    assert line_of(judged) == "16 requests"


def test_a_body_that_compares_asks_both_versions_and_runs_once(judged: Project) -> None:
    judged.settings["baseline"] = "only"
    judged.body(PREFER, cases=4, arguments="model, baseline, case, judge")
    assert line_of(judged) == "32 requests"


def test_what_asks_no_model_has_no_line(project: Project) -> None:
    project.module("def test_plain(): ...\n")
    assert line_of(project) is None


def test_a_version_that_is_not_there_is_left_to_the_gate(pair: Project) -> None:
    pair.versions["new"] = {"engine": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": "NO"}
    assert line_of(pair) == "40 requests"
