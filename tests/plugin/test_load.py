"""Evaluations that are measured in blocks under load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.reporting.html import pages
from tests.stages.inference.blocks.conftest import Serve, serve

pytestmark = pytest.mark.service

__all__ = ["serve"]

PAIR = ("--candidate", "ours", "--baseline", "theirs")
BLOCKS = {"blocks": 5, "rate": 32, "seconds": 0.25, "prompt_tokens": 8, "warm_up": 1, "accept": ["schedule", "steal"]}


@pytest.fixture
def gate(project: Project, serve: Serve) -> Project:
    """Two versions whose time between tokens is 4 ms and 2 ms."""
    for name, law in (("ours", {"itl_s": 0.004}), ("theirs", {"itl_s": 0.002})):
        address = serve(tokens=16, **law).address
        project.versions[name] = {"engine": "openai", "base_url": address, "model": "law"}
    del project.versions["only"]
    return project


def body(gate: Project, lines: str, arguments: str = "load", **marker: Any) -> Path:
    words = ", ".join(f"{name}={value!r}" for name, value in {"load": BLOCKS, **marker}.items())
    return gate.module(f"""
        @pytest.mark.evaluation({words})
        async def test_it({arguments}):
            {lines}
    """)


@pytest.mark.nightly
def test_a_slower_version_is_found_and_a_gate_that_is_run_again_decides_by_the_same_blocks(gate: Project) -> None:
    body(gate, "return load.itl")
    assert gate.run(*PAIR).ret == 1
    first = gate.report()
    entry = gate.evaluation()
    assert entry["verdict"] == "regressed"
    assert (entry["aim"], entry["margin"], entry["margin_is_relative"], entry["unit"]) == ("lower", 0.05, True, "s")
    assert [case["id"] for case in entry["cases"]] == [f"pair-{n}" for n in range(5)]
    assert 0.5 < entry["difference"]["value"] < 1.5
    assert first["usage"]["model_calls"] == 10
    assert first["usage"]["http_requests"] >= 10, "those of the blocks went over a wire"
    assert first["usage"]["flops"] == {"ours": None, "theirs": None}
    assert first["usage"]["completion_tokens"] > 0
    assert gate.run(*PAIR).ret == 1
    again = gate.report()
    assert (again["usage"]["model_calls"], again["usage"]["stored_samples"]) == (0, 10)
    assert (again["usage"]["measured_blocks"], again["usage"]["stored_blocks"]) == (0, 10)
    assert gate.evaluation()["difference"] == entry["difference"]
    gate.run(*PAIR, "--fresh")
    assert gate.report()["usage"]["model_calls"] == 10
    assert "second look" in gate.evaluation()["reason"]


@pytest.mark.nightly
def test_evaluations_of_one_plan_share_their_blocks_and_others_come_first(gate: Project, tmp_path: Path) -> None:
    """A body that asks a model notes when it ended, and the bodies that take `load` begin after that."""
    gate.module(f"""
        import asyncio
        ORDER = []

        @pytest.mark.evaluation(load={BLOCKS}, margin="90 %")
        def test_itl(load):
            ORDER.append("load")
            return load.itl

        @pytest.mark.evaluation(cases=[{{"id": "a", "prompt": "q"}}], threshold=0.1)
        async def test_model(model, case):
            await model.ask(case.prompt)
            for _ in range(1000):  # turns of the loop, in which blocks would begin
                await asyncio.sleep(0)
            ORDER.append("model")
            return 1.0

        @pytest.mark.evaluation(load={BLOCKS}, margin="90 %")
        def test_throughput(load):
            return load.throughput

        def test_order():
            assert ORDER.index("load") > max(at for at, who in enumerate(ORDER) if who == "model")
    """)
    result = gate.run(*PAIR)
    assert "test_order" not in "\n".join(line for line in result.outlines if line.startswith("FAILED"))
    assert result.parseoutcomes()["passed"] == 2
    usage = gate.report()["usage"]
    assert (usage["model_calls"], usage["measured_blocks"], usage["stored_blocks"]) == (10 + 4, 10, 0)
    told = " ".join(result.stdout.str().split())
    assert "4 samples asked for, all drawn now 10 blocks asked for, all measured now" in told


def test_blocks_are_no_work_of_many_machines(gate: Project) -> None:
    body(gate, "return load.itl")
    result = gate.run(*PAIR, "--draw", "-rs")
    result.stdout.fnmatch_lines(["*it is measured by the gate itself, on one machine, and not with --draw*"])


@pytest.mark.nightly
def test_a_candidate_alone_is_held_to_its_threshold(gate: Project) -> None:
    body(gate, "return load.itl", threshold=0.004, margin="90 %")
    assert gate.run("--candidate", "theirs", "--baseline", "none").ret == 0
    assert gate.evaluation()["baseline"] is None
    assert gate.report()["usage"]["model_calls"] == 5


@pytest.mark.nightly
def test_a_budget_leaves_blocks_unmeasured_and_the_verdict_open(gate: Project) -> None:
    """The first pair is measured whole; the next run goes on from there."""
    limit = "max_tokens=20"
    body(gate, "return load.itl")
    gate.run(*PAIR, *limit)
    budget, entry = gate.report()["budget"], gate.evaluation()
    assert (entry["verdict"], entry["stopped_at"]) == ("inconclusive", " ".join(limit))
    assert budget["stopped_by"] == "max_tokens"
    assert budget["spent"]["requests"] > 1
    assert gate.report()["usage"]["measured_blocks"] == 2
    gate.run(*PAIR, *limit)
    assert (gate.report()["usage"]["measured_blocks"], gate.report()["usage"]["stored_blocks"]) == (2, 2)


@pytest.mark.nightly
def test_the_server_is_there_for_bodies_too(gate: Project) -> None:
    body(gate, "return load.ttft if server.address.startswith('http://') else 0.0", arguments="load, server")
    gate.run("--candidate", "ours", "--baseline", "none")
    assert gate.verdicts() == {"test_it": "passed"}


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        ("goodput", "needs an objective"),
        ("cost", "needs what ours costs"),
        ("mfu", "needs the weights of ours, which has an address"),
    ],
)
def test_what_no_block_of_the_plan_can_have_is_refused_before_any_is_measured(
    project: Project, figure: str, told: str
) -> None:
    """Nothing listens at the address: whoever asked it would have said so."""
    project.versions = {"ours": {"engine": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "law"}}
    body(project, f"return load.{figure}")
    result = project.run("--candidate", "ours", "--baseline", "none")
    assert result.ret == 4
    assert told in " ".join(" ".join([*result.outlines, *result.errlines]).split())


def test_a_block_that_can_not_be_trusted_is_an_error_of_the_evaluation(gate: Project, serve: Serve) -> None:
    gate.versions["ours"]["base_url"] = serve(counters=True, preemptions=1).address
    body(gate, "return load.itl")
    assert gate.run(*PAIR).ret == 1
    entry = gate.evaluation()
    assert entry["verdict"] == "error"
    assert "can't be trusted" in entry["reason"]
    assert "not measured again by itself" in entry["reason"]
    for alone in ((), ("--case", "pair-0")):
        result = gate.run(*PAIR, *alone)
        assert (result.ret, gate.evaluation()["reason"]) == (1, entry["reason"])
        assert "measure all pairs anew with --fresh" in " ".join(result.stdout.str().split())
        assert gate.report()["usage"]["measured_blocks"] == 0


@pytest.mark.nightly
def test_pairs_before_one_that_can_not_be_trusted_are_shown_and_decide_nothing(gate: Project, serve: Serve) -> None:
    gate.versions["ours"]["base_url"] = serve(counters=True, preemptions=1, sound=18, tokens=16).address
    body(gate, "return load.itl", output_tokens=16)
    assert gate.run(*PAIR).ret == 1
    entry = gate.evaluation()
    shown = len(entry["cases"])
    assert (entry["verdict"], entry["difference"]) == ("error", None)
    assert 0 < shown < BLOCKS["blocks"]
    assert [case["id"] for case in entry["cases"]] == [f"pair-{n}" for n in range(shown)]
    assert all(case["candidate"] and case["baseline"] for case in entry["cases"])
    (error,) = entry["errors"]
    assert error.startswith(f"case 'pair-{shown}': block {shown + 1} of ours can't be trusted: ")
    assert "bodies ended so" not in error
    (shown_there,) = pages.data(gate.path / "reports" / "latest" / "index.html")["evaluations"]
    assert shown_there["untrusted"][f"pair-{shown}"].startswith(f"block {shown + 1} of ours can't be trusted")


@pytest.mark.nightly
def test_one_pair_is_measured_alone_shown_and_kept(gate: Project) -> None:
    body(gate, "return load.itl")
    result = gate.run(*PAIR, "--case", "pair-3")
    assert "can't be red" not in result.stdout.str()
    assert gate.report()["usage"]["model_calls"] == 2
    entry = gate.evaluation()
    assert (entry["verdict"], [case["id"] for case in entry["cases"]]) == ("inconclusive", ["pair-3"])
    assert "--case" in entry["reason"]
    (alone,) = entry["cases"]
    gate.run(*PAIR)
    assert (gate.report()["usage"]["model_calls"], gate.report()["usage"]["stored_samples"]) == (8, 2)
    assert next(case for case in gate.evaluation()["cases"] if case["id"] == "pair-3") == alone


def test_offline_blocks_come_from_the_store_or_not_at_all(gate: Project) -> None:
    body(gate, "return load.itl")
    gate.run(*PAIR, "--offline")
    assert "pair 1 of 5 blocks is not stored" in gate.evaluation()["reason"]


def test_offline_no_server_is_started(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM was, for a minute, to tell that a block is not stored."""
    monkeypatch.setattr("sys.executable", "/nothing/is/started")
    write_tiny_llama(project.path / "tiny")
    project.versions["heavy"] = {"engine": "vllm", "weights": "tiny"}
    alone = ("--candidate", "heavy", "--baseline", "none", "--offline")
    body(project, "return load.itl", threshold=1.0)
    project.run(*alone)
    assert "pair 1 of 5 blocks is not stored" in project.evaluation()["reason"]
    body(project, "return load.itl", arguments="load, server", threshold=1.0)
    project.run(*alone)
    assert "--offline starts no server" in project.evaluation()["reason"]


def test_a_recording_has_no_blocks_whatever_the_figure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """For `load.cost` its name was an unknown version, without the test's."""
    monkeypatch.chdir(project.path)
    project.body("return 1.0")
    assert project.run("--candidate", "only", "--baseline", "none", "--for-baseline").ret == 0
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "released"]).exit_code == 0
    body(project, "return load.cost")
    result = project.run("--candidate", "only", "--baseline", "released")
    assert result.ret == 4
    told = " ".join(" ".join([*result.outlines, *result.errlines]).split())
    assert "::test_it takes `load`, whose blocks are measured in pairs" in told
    assert "has scores alone" in told


def test_a_version_that_nobody_serves_skips_it(gate: Project) -> None:
    gate.versions["table"] = {"engine": "scripted", "default": "yes"}
    body(gate, "return load.itl")
    result = gate.run("--candidate", "table", "--baseline", "none", "-rs")
    assert result.ret == 5
    told = 'table has no server: give it base_url and model, or weights and engine = "vllm"'
    assert told in " ".join(result.stdout.str().split())


def test_a_figure_that_no_block_has_is_refused_before_anything_is_measured(gate: Project) -> None:
    body(gate, "return load.itls")
    result = gate.run(*PAIR)
    assert result.ret == 4
    told = " ".join([*result.outlines, *result.errlines])
    assert "load.itls. No figure named 'itls'" in told
    assert "Did you mean 'itl'?" in told


@pytest.mark.nightly
def test_pairs_that_can_not_be_red_are_told_of_before_they_are_measured(gate: Project) -> None:
    """Two evaluations have 0.0203 each, and 5 pairs no more than 1/32."""
    gate.module(f"""
        @pytest.mark.evaluation(load={BLOCKS})
        def test_itl(load):
            return load.itl

        @pytest.mark.evaluation(load={BLOCKS})
        def test_throughput(load):
            return load.throughput
    """)
    result = gate.run(*PAIR)
    text = " ".join(" ".join([*result.outlines, *result.errlines]).split())
    assert "2 evaluations of 5 pairs of blocks can't be red at their level" in text
    assert "6 pairs can" in text
    assert "10 blocks asked for, all measured now" in text
    assert "raise blocks in the marker's load" in text
    assert "steelyard store show" not in text
    for entry in gate.report()["evaluations"]:
        assert entry["verdict"] == "inconclusive"
        assert "red needs 6 pairs at its level of 0.02, 10 at the next look" in entry["reason"]
        assert "more pairs would decide it" in entry["reason"]


@pytest.mark.parametrize(
    ("arguments", "marker", "told"),
    [
        ("load, model", {}, "takes `load` and `model`"),
        ("case", {}, "is for a body that takes `load`"),
    ],
)
def test_what_does_not_go_together_is_refused(gate: Project, arguments: str, marker: dict[str, Any], told: str) -> None:
    body(gate, "return 1.0", arguments=arguments, **marker)
    result = gate.run(*PAIR)
    assert result.ret == 4
    assert told in "\n".join([*result.outlines, *result.errlines])
