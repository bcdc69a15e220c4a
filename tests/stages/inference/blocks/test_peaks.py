"""What this machine can do at most."""

from __future__ import annotations

import time

import pytest

from harness.stages.inference.blocks.peaks import Peak, Peaks, peaks


@pytest.mark.service
def test_it_is_measured_here() -> None:
    found = peaks("float32")
    for peak in (found.flops_per_s, found.bytes_per_s):
        assert 1e8 < peak.low <= peak.value <= peak.high
    assert "measured" in found.flops_per_s.in_words("FLOP/s")


@pytest.mark.nightly
def test_it_is_of_the_type_in_which_the_engine_computes() -> None:
    """In float32 a processor that multiplies in bfloat16 was 4.6 times slower than what it was held against."""
    import torch

    found = peaks("bfloat16")
    assert peaks("bfloat16") is found is not peaks("float32")
    half = torch.rand(1024, 1024, dtype=torch.bfloat16)

    def is_reached(found: Peaks) -> bool:
        slowest_s = 0.0
        for _ in range(5):
            began_s = time.perf_counter()
            torch.mm(half, half)
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
        return found.flops_per_s.high > 2 * 1024**3 / slowest_s / 2

    # While others use the machine, too, one of the two may be measured in a bad moment.
    assert is_reached(found) or any(is_reached(peaks.__wrapped__("bfloat16")) for _ in range(9))


def test_workers_have_a_gpu_each_and_share_the_cores() -> None:
    rate = Peak(2.0, 1.0, 3.0)
    assert Peaks(rate, rate, is_gpu=True).of(1).flops_per_s == rate
    two = Peaks(rate, rate, is_gpu=True).of(2).bytes_per_s
    assert (two.value, two.low, two.high) == (4.0, 2.0, 6.0)
    assert two.in_words("B/s") == "4 B/s [2, 6], measured on one of 2 GPUs"
    assert Peaks(rate, rate).of(2).flops_per_s == rate
