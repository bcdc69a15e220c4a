"""The most that this machine can do, measured: operations a second, and bytes a second."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_ROUNDS = 9
_SIZE = 1024
_GPU_SIZE = 8192
_COPIED = 1 << 26
_GPU_COPIED = 1 << 30


@dataclass(frozen=True, slots=True)
class Peak:
    """A rate that was measured: the median of its rounds, and where the true median lies with 95 % confidence.

    Attributes:
        devices: that it is the rate of together; one of them was measured.
    """

    value: float
    low: float
    high: float
    devices: int = 1

    def in_words(self, unit: str) -> str:
        """The rate with its interval, as measured."""
        where = f" on one of {self.devices} GPUs" if self.devices > 1 else ""
        return f"{self.value:.3g} {unit} [{self.low:.3g}, {self.high:.3g}], measured{where}"

    def times(self, devices: int) -> Peak:
        """The rate of so many devices together."""
        return Peak(self.value * devices, self.low * devices, self.high * devices, devices)


@dataclass(frozen=True, slots=True)
class Peaks:
    """Of the device that vLLM would take here: a GPU, or all cores."""

    flops_per_s: Peak
    bytes_per_s: Peak
    is_gpu: bool = False

    def of(self, workers: int) -> Peaks:
        """The peaks of what so many workers of an engine take: a GPU each, or all cores together."""
        if not self.is_gpu:
            return self
        return Peaks(self.flops_per_s.times(workers), self.bytes_per_s.times(workers), is_gpu=True)


@functools.cache
def peaks(dtype: str) -> Peaks:
    """The peaks of this machine, measured once in about a second; nothing else should run meanwhile.

    Args:
        dtype: the type in which an engine computes, as torch calls it: a processor may do five times as much in
            bfloat16 as in float32.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    size, copied = (_GPU_SIZE, _GPU_COPIED) if device == "cuda" else (_SIZE, _COPIED)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    left = torch.rand(size, size, dtype=getattr(torch, dtype), device=device)
    source = torch.zeros(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    multiply = _seconds(lambda: torch.mm(left, left), wait)
    copy = _seconds(lambda: target.copy_(source), wait)
    return Peaks(
        flops_per_s=peak_of([2 * size**3 / seconds for seconds in multiply]),
        bytes_per_s=peak_of([2 * copied / seconds for seconds in copy]),  # each byte is read and written
        is_gpu=device == "cuda",
    )


def _seconds(work: Callable[[], Any], wait: Callable[[], Any]) -> list[float]:
    work()
    wait()
    found = []
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        work()
        wait()
        found.append(time.perf_counter() - began_s)
    return found


def peak_of(rates: Sequence[float]) -> Peak:
    """The median with its interval from order statistics: the chance that k or fewer of n lie below it is binomial.

    >>> peak = peak_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    >>> peak.value, peak.low, peak.high
    (5.0, 2.0, 8.0)
    """
    ordered, n = sorted(rates), len(rates)
    outside = 0.0
    place = 0
    while place < n // 2 and outside + math.comb(n, place) / 2**n <= 0.025:
        outside += math.comb(n, place) / 2**n
        place += 1
    place = max(0, place - 1)
    return Peak(ordered[n // 2], ordered[place], ordered[n - 1 - place])
