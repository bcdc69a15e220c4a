"""What a body gets of a block."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import CapabilityError, InvalidBlockError, ScoreError, StoreError
from harness.models.version import Version
from harness.stages.inference.blocks.measured import Load, Peak, block_from, block_text, excess_unanswered, peaks
from tests.gpu.marks import skip_without_gpus
from tests.stages.inference.blocks.conftest import Serve

FIGURES = {
    "ttft_s": {"mean": 0.2, "n": 10},
    "itl_s": {"mean": 0.01, "n": 90},
    "tpot_s": {"mean": 0.011, "n": 10},
    "e2e_s": {"mean": 0.3, "n": 10},
    "output_tokens_per_s": 50.0,
    "goodput_per_s": None,
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "requests": 10,
    "completed": 10,
    "errors": {},
    "duration_s": 2.0,
    "invalid_reasons": [],
    "energy_j": None,
}


@pytest.mark.service
def test_measures_say_unit_and_direction(serve: Serve) -> None:
    load = Load(FIGURES, serve())
    found = {name: getattr(load, name) for name in ("ttft", "itl", "tpot", "e2e", "throughput")}
    assert {name: (each.value, each.unit, each.higher_is_better) for name, each in found.items()} == {
        "ttft": (0.2, "s", False),
        "itl": (0.01, "s", False),
        "tpot": (0.011, "s", False),
        "e2e": (0.3, "s", False),
        "throughput": (50.0, "tokens/s", True),
    }
    assert load.result["completed"] == 10


@pytest.mark.service
def test_a_million_tokens_cost_what_the_machine_costs_meanwhile_or_what_tokens_cost(serve: Serve) -> None:
    """2 s at 3.6 an hour are 0.002 for 100 tokens; 1000 read at 1 and 100 written at 2 a million are 0.0012."""
    assert Load(FIGURES, serve("price = { hour = 3.6 }")).cost.value == pytest.approx(20.0)
    server = serve("price = { input = 1.0, output = 2.0 }")
    assert Load(FIGURES, server).cost.value == pytest.approx(12.0)


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("throughput", ScoreError, "counts no tokens"),
        ("goodput", ScoreError, "needs an objective"),
        ("cost", CapabilityError, "price = { hour = 2.5 }"),
        ("energy", CapabilityError, "RAPL"),
        ("flops_per_token", CapabilityError, "no weights"),
    ],
)
def test_what_is_not_known_says_why(serve: Serve, name: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        getattr(Load({**FIGURES, "output_tokens_per_s": None}, serve()), name)


@pytest.mark.service
@pytest.mark.parametrize("name", ["ttft", "itl", "tpot", "e2e"])
def test_a_block_with_unanswered_requests_has_no_latency(serve: Serve, name: str) -> None:
    """A server that refused every second request was green, and quicker."""
    block = {**FIGURES, "requests": 18, "errors": {"http_429": 7, "timeout": 1}}
    with pytest.raises(
        ScoreError, match=r"8 of 18 requests of a block of law .* \(http_429 7, timeout 1\).* with --fresh"
    ):
        getattr(Load(block, serve()), name)
    assert Load(block, serve()).throughput.value == 50.0


def test_unanswered_requests_of_both_versions_are_told_by_pair(serve: Serve) -> None:
    server, refusing = serve(), {**FIGURES, "requests": 20}
    whole, half = Load(FIGURES, server), Load(refusing, server)
    loads = {
        ("candidate", "pair-0"): half,
        ("baseline", "pair-0"): whole,
        ("candidate", "pair-1"): whole,
        ("baseline", "pair-1"): half,
        ("candidate", "pair-2"): InvalidBlockError("steal"),
    }
    assert excess_unanswered(loads) == {"pair-0": 0.5, "pair-1": -0.5}
    assert excess_unanswered({("candidate", "pair-0"): half}) == {}, "there is no baseline"


def test_several_gpus_do_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share was that of one: twice as high as it is with two."""
    one = Peak(1e12, 1e12, 1e12, is_gpu=True)
    monkeypatch.setattr("harness.stages.inference.blocks.measured.peaks", {"bfloat16": (one, one)}.get)
    architecture = SimpleNamespace(flops_of_request=lambda read, written: 1e9 * (read + written))
    weights = SimpleNamespace(architecture=architecture, tensor_bytes=1e9, kv_bytes_per_token=1e5, dtype="bfloat16")

    def load(figures: Mapping[str, Any] = FIGURES, **engine_args: int) -> Load:
        settings = VersionSettings("it", "vllm", engine_options={"engine_args": engine_args})
        version = Version("it", settings, "f" * 32)
        server: Any = SimpleNamespace(served=version, description=SimpleNamespace(in_engine=weights))
        return Load(figures, server)

    assert load().mfu.value == pytest.approx(0.55)
    assert load(tensor_parallel_size=2).mfu.value == pytest.approx(0.55 / 2)
    assert load(data_parallel_size=2, pipeline_parallel_size=2).mfu.value == pytest.approx(0.55 / 4)
    assert load().mbu.value == pytest.approx(0.10105)
    assert load(tensor_parallel_size=2).mbu.value == pytest.approx(0.10105 / 2)
    assert load(data_parallel_size=2).mbu.value == pytest.approx(0.20105 / 2), "each copy is read"
    waiting = {**FIGURES, "e2e_s": {"mean": 30.0, "n": 10}, "ttft_s": {"mean": 29.9, "n": 10}}
    assert load(waiting).mbu.value == load().mbu.value, "what waits is not decoded"
    eight = {**FIGURES, "itl_s": {"mean": 0.01, "n": 1600}}
    assert load(eight).mbu.value == pytest.approx(0.1 + 8 * 0.00105), "each reads its own cache"


def test_energy_is_by_the_token(serve: Serve) -> None:
    assert Load({**FIGURES, "energy_j": 50.0}, serve()).energy.value == 0.5


def test_it_comes_back_as_it_was_stored() -> None:
    block = {"valid": True, "invalid_reasons": [], "energy_j": 3.5}
    assert block_from(block_text(block)) == block
    for text in ("", "[]", "{}", '{"load": 1}'):
        with pytest.raises(StoreError, match="Measure anew"):
            block_from(text)


@pytest.mark.service
def test_it_is_measured_here() -> None:
    found = peaks("float32")
    for peak in found:
        assert 1e8 < peak.low <= peak.value <= peak.high
    assert "measured" in found[0].in_words("FLOP/s")
    assert peaks("float32") is found, "measured once"
    with pytest.raises(AttributeError, match="has no attribute 'float7'"):
        peaks("float7")


def test_workers_have_a_gpu_each_and_share_the_cores() -> None:
    gpu = Peak(2.0, 1.0, 3.0, is_gpu=True)
    assert gpu.of(1) == gpu
    two = gpu.of(2)
    assert (two.value, two.low, two.high) == (4.0, 2.0, 6.0)
    assert two.in_words("B/s") == "4 B/s [2, 6], measured on one of 2 GPUs"
    cores = Peak(2.0, 1.0, 3.0)
    assert cores.of(2) == cores


@pytest.mark.gpu
@skip_without_gpus()
def test_on_a_gpu_that_serves_it_takes_half_a_gib_at_most_and_gives_it_back() -> None:
    """It took more than 2 GiB, and held them as long as the gate ran."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    assert all(peak.is_gpu for peak in peaks("bfloat16"))
    assert torch.cuda.max_memory_allocated() <= 1 << 29
    assert torch.cuda.memory_reserved() == 0
