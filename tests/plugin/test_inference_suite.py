"""The evaluations of suites/inference, each on a fault planted in the server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Loopback
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "suites" / "inference"
BOOKING = {"place": "Cork", "day": "Friday", "hour": 9, "guests": ["Nora"]}

Serve = Callable[..., Loopback]


@pytest.fixture
def gate(project: Project, loopback: Serve) -> Callable[..., dict[str, Any]]:
    """Runs a suite on a server that answers as it is told; gives the evaluations by metric."""
    shutil.copytree(ROOT / "evals" / "inference", project.path / "evals" / "inference")

    def run(suite: str, options: tuple[str, ...] = (), edit: tuple[str, str] = ("", ""), **served: Any) -> Any:
        server = loopback(**served)
        project.versions["only"] = {"engine": "openai", **server.settings()}
        text = (SUITES / suite).read_text(encoding="utf-8")
        assert edit[0] in text
        (project.path / "test_it.py").write_text(text.replace(*edit), encoding="utf-8")
        project.run(*options)
        return {each["metric"]: each for each in project.report()["evaluations"]}

    return run


def test_answers_that_are_the_same_are_repeatable(gate: Callable[..., Any]) -> None:
    found = gate("test_repeatability.py", echo=True)
    verdicts = {name: each["verdict"] for name, each in found.items()}
    assert verdicts == {"alone_again": "passed", "beside_others": "passed"}


@pytest.mark.nightly
def test_a_server_whose_batches_change_answers_is_red_beside_others_and_not_alone(gate: Callable[..., Any]) -> None:
    found = gate("test_repeatability.py", echo=True, crowded="Something else.", latency_s=0.02)
    assert found["alone_again"]["verdict"] == "passed"
    assert found["beside_others"]["verdict"] == "failed"
    assert found["beside_others"]["candidate"]["value"] < 0.1


def test_an_answer_within_the_limit_is_valid(gate: Callable[..., Any]) -> None:
    found = gate("test_structured.py", default=json.dumps(BOOKING))
    assert found["score"]["verdict"] == "passed"


def test_a_limit_that_is_too_small_is_red_and_says_so(gate: Callable[..., Any]) -> None:
    found = gate("test_structured.py", edit=("LIMIT = 120", "LIMIT = 4"), default=json.dumps(BOOKING))
    assert found["score"]["verdict"] == "failed"
    assert found["score"]["candidate"]["value"] == 0
    assert "max_tokens" in found["score"]["reason"]


@pytest.fixture
def tiny(project: Project) -> Callable[..., dict[str, Any]]:
    """Runs the evaluation of long contexts on a generated model with a window of 512 tokens."""
    pytest.importorskip("transformers")
    shutil.copytree(ROOT / "evals" / "inference", project.path / "evals" / "inference")
    write_tiny_llama(project.path / "tiny")
    project.versions["only"] = {"engine": "transformers", "weights": "tiny"}

    def run(*edit: str) -> Any:
        text = (SUITES / "test_long_context.py").read_text(encoding="utf-8")
        (project.path / "test_it.py").write_text(text.replace(*edit) if edit else text, encoding="utf-8")
        project.run()
        return project.evaluation("test_long_context")

    return run


def test_a_prompt_up_to_the_end_of_the_window_is_read_whole(tiny: Callable[..., Any]) -> None:
    found = tiny()
    assert (found["verdict"], found["candidate"]["value"]) == ("passed", 1.0)


def test_a_prompt_beyond_the_window_is_an_error_with_the_figures(tiny: Callable[..., Any]) -> None:
    found = tiny(
        "(weights.description.in_engine.sizes.n_ctx - ANSWER)", "(weights.description.in_engine.sizes.n_ctx + 16)"
    )
    assert found["verdict"] == "error"
    assert re.search(r"the prompt has 5[12]\d tokens; .* beyond max_model_len = 512", found["reason"])


def test_a_prompt_that_was_cut_on_its_way_is_red(tiny: Callable[..., Any]) -> None:
    found = tiny("messages, max_tokens", '[{**messages[0], "content": messages[0]["content"][-80:]}], max_tokens')
    assert (found["verdict"], found["candidate"]["value"]) == ("failed", 0.0)
