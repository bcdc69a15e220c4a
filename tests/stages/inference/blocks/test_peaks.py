"""What this machine can do at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.stages.inference.blocks.measured import Peak, peaks


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
@pytest.mark.skipif(not any(Path("/dev").glob("nvidia[0-9]*")), reason="there is no NVIDIA GPU")
def test_on_a_gpu_that_serves_it_takes_half_a_gib_at_most_and_gives_it_back() -> None:
    """It took more than 2 GiB, and held them as long as the gate ran."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    assert all(peak.is_gpu for peak in peaks("bfloat16"))
    assert torch.cuda.max_memory_allocated() <= 1 << 29
    assert torch.cuda.memory_reserved() == 0
