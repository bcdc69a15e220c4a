"""The most that this machine can do, measured: operations a second, and bytes a second."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ROUNDS = 9
_SIZE, _GPU_SIZE = 1024, 8192
_COPIED, _GPU_COPIED = 1 << 26, 1 << 28


@dataclass(frozen=True, slots=True)
class Peak:
    """A rate that was measured: the median of nine rounds, and where the true median lies with 96 % confidence.

    Attributes:
        devices: that it is the rate of together; one of them was measured.
    """

    value: float
    low: float
    high: float
    is_gpu: bool = False
    devices: int = 1

    def of(self, workers: int) -> Peak:
        """The rate of what so many workers of an engine take: a GPU each, or all cores together."""
        if not self.is_gpu:
            return self
        return Peak(self.value * workers, self.low * workers, self.high * workers, True, workers)

    def in_words(self, unit: str) -> str:
        """The rate with its interval, as measured."""
        where = f" on one of {self.devices} GPUs" if self.devices > 1 else ""
        return f"{self.value:.3g} {unit} [{self.low:.3g}, {self.high:.3g}], measured{where}"


@functools.cache
def peaks(dtype: str) -> tuple[Peak, Peak]:
    """FLOP/s and B/s of the device that vLLM would take here (a GPU, or all cores), measured once in about a second.

    Nothing else should run meanwhile. On a GPU that serves it takes half a GiB, and gives it back: a matrix or a copy
    at a time, each larger than caches.

    Args:
        dtype: the type in which an engine computes, as torch calls it: a processor may do five times as much in
            bfloat16 as in float32.
    """
    import torch

    is_gpu = torch.cuda.is_available()
    size, copied = (_GPU_SIZE, _GPU_COPIED) if is_gpu else (_SIZE, _COPIED)
    device, wait = ("cuda", torch.cuda.synchronize) if is_gpu else ("cpu", lambda: None)

    def rate(work: Callable[[], Any], amount: float) -> Peak:
        """Of nine rounds the true median lies between the second and the eighth in 96 of 100."""
        rates = []
        for _ in range(_ROUNDS + 1):  # the first warms up
            began_s = time.perf_counter()
            work()
            wait()
            rates.append(amount / (time.perf_counter() - began_s))
        ordered = sorted(rates[1:])
        return Peak(ordered[4], ordered[1], ordered[7], is_gpu)

    def multiply() -> Peak:
        left = torch.rand(size, size, dtype=getattr(torch, dtype), device=device)
        product = torch.empty_like(left)
        return rate(lambda: torch.mm(left, left, out=product), 2 * size**3)

    def copy() -> Peak:
        source = torch.zeros(copied, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        return rate(lambda: target.copy_(source), 2 * copied)  # a byte is read and written

    found = multiply(), copy()
    if is_gpu:
        torch.cuda.empty_cache()
    return found
