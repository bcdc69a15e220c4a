"""What this machine can do at most."""

from __future__ import annotations

import numpy as np

from harness.stages.inference.blocks.peaks import peak_of, peaks


def test_the_interval_holds_the_median_in_95_of_100() -> None:
    rng = np.random.default_rng(0)
    held = [(peak := peak_of(list(rng.lognormal(0, 1, 9)))).low <= 1.0 <= peak.high for _ in range(4000)]
    assert 0.95 <= np.mean(held) <= 0.975


def test_it_is_measured_here() -> None:
    found = peaks()
    for peak in (found.flops_per_s, found.bytes_per_s):
        assert 1e8 < peak.low <= peak.value <= peak.high
    assert "measured" in found.flops_per_s.in_words("FLOP/s")
