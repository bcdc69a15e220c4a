"""A block of time as the store keeps it, and the fixture `load`: its figures, as measures that a body returns.

The most that this machine can do is measured here, too: shares of it are among the figures.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.config import Settings
from harness.config.roles import baseline_name, candidate_name
from harness.errors import CapabilityError, ScoreError, StoreError
from harness.records import Measure, Role
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.serving import Server, takes_load

_MILLION = 1e6
_HOUR_S = 3600.0
_TOKENS = ("prompt_tokens", "completion_tokens")
_OF_WEIGHTS = ("flops_per_token", "mfu", "mbu")
_NO_OBJECTIVE = (
    'load.goodput needs an objective: write objective="ttft=0.5,itl=0.1" in the marker; itl in place of tpot where the '
    "server counts no tokens (usage)."
)
_NO_PRICE = (
    "load.cost needs what {} costs: write price = {{ hour = 2.5 }}, of the machine, or "
    "price = {{ input = 0.15, output = 0.60 }}, of a million tokens, among its settings."
)
_NO_ENERGY = (
    "This machine tells nothing of the energy that it takes: /sys/class/powercap has no counter of a package (RAPL) "
    "that may be read, and NVML none of a GPU. Measure load.cost or load.throughput in its place, or run elsewhere."
)
_ROUNDS = 9
_SIZE, _GPU_SIZE = 1024, 8192
_COPIED, _GPU_COPIED = 1 << 26, 1 << 28

Block = Mapping[str, Any]
"""The figures of one version in one block, with the keys of `steelyard load --json`."""


def is_kept(block: Block) -> bool:
    """True where a gate that is run again has it again: it can be trusted, or that it can't is the server's own doing.
    Who measured that anew until it could be trusted would choose among the version's own blocks.
    """
    return not block["invalid_reasons"] or (block["by_server"] and not block["interrupted"])


def block_text(block: Block) -> str:
    """A block as the store keeps it."""
    return json.dumps({"energy_j": block["energy_j"], "load": block}, sort_keys=True)


def block_from(text: str) -> Block:
    """The block that `block_text` wrote; StoreError where it is none."""
    try:
        plain = json.loads(text)
        return {**plain["load"], "energy_j": plain["energy_j"]}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"A block of the store can't be read: {error}. Measure anew with --fresh.") from None


class Load:
    """One block of one version under load; each figure is a `Measure` with its unit and better direction."""

    def __init__(self, block: Block, server: Server) -> None:
        self._block = block
        self._server = server

    @property
    def result(self) -> dict[str, Any]:
        """All figures of the load, with the keys of `steelyard load --json`."""
        return dict(self._block)

    @property
    def unanswered(self) -> float:
        """The share of the requests that were not answered."""
        return 1 - float(self._block["completed"] / self._block["requests"])

    @property
    def ttft(self) -> Measure:
        """Mean time to the first token, in s."""
        return self._latency("ttft_s")

    @property
    def itl(self) -> Measure:
        """Mean time between tokens, in s."""
        return self._latency("itl_s")

    @property
    def tpot(self) -> Measure:
        """Mean time for a token after the first, by request, in s."""
        return self._latency("tpot_s")

    @property
    def e2e(self) -> Measure:
        """Mean time to the whole answer, in s."""
        return self._latency("e2e_s")

    def _latency(self, name: str) -> Measure:
        requests, completed = self._block["requests"], self._block["completed"]
        if completed < requests:
            kinds = ", ".join(f"{kind} {number}" for kind, number in self._block["errors"].items())
            raise ScoreError(
                f"{requests - completed} of {requests} requests of a block of {self._server.version} were not answered "
                f"({kinds}): the {name} of the others says nothing of what users wait for, for who refuses most is "
                "quickest. Send less, mend the server and measure all pairs anew with --fresh, or weigh load.goodput, "
                "in which they count."
            )
        figures = self._block[name]
        return Measure(self._known(figures["mean"], name), "s", higher_is_better=False, reason=f"of {figures['n']:,}")

    @property
    def throughput(self) -> Measure:
        """Tokens written a second."""
        return Measure(self._figure("output_tokens_per_s"), "tokens/s")

    @property
    def goodput(self) -> Measure:
        """Requests a second that kept the objective."""
        value = self._block["goodput_per_s"]
        if value is None:
            raise ScoreError(_NO_OBJECTIVE)
        return Measure(value, "requests/s")

    @property
    def cost(self) -> Measure:
        """The cost of a million written tokens, in the currency of the settings: by the hour, or by the token."""
        settings = self._server.served.settings
        written = self._figure("completion_tokens")
        if settings.price_per_hour is not None:
            spent = settings.price_per_hour * self._block["duration_s"] / _HOUR_S
        elif settings.price is not None:
            spent = settings.price.of(int(self._figure("prompt_tokens")), int(written))
        else:
            raise CapabilityError(_NO_PRICE.format(self._server.version))
        return Measure(spent / written * _MILLION, "per million tokens", higher_is_better=False)

    @property
    def energy(self) -> Measure:
        """Joules for each token written, by the counters of processors and GPUs."""
        if self._block["energy_j"] is None:
            raise CapabilityError(_NO_ENERGY)
        return Measure(self._block["energy_j"] / self._figure("completion_tokens"), "J/token", higher_is_better=False)

    @property
    def flops_per_token(self) -> Measure:
        """Operations for a token read or written, causal, at the mean lengths of this block's requests."""
        return Measure(self._flops() / sum(map(self._figure, _TOKENS)), "FLOP/token", higher_is_better=False)

    @property
    def mfu(self) -> Measure:
        """The share of the devices' arithmetic that the model's operations were (model FLOPs utilisation)."""
        peak, _, _ = self._peaks()
        share = self._flops() / self._block["duration_s"] / peak.value
        return Measure(share, "of peak", reason=f"peak {peak.in_words('FLOP/s')}")

    @property
    def mbu(self) -> Measure:
        """The share of the memory's bandwidth that reading weights and cache took while decoding."""
        _, peak, copies = self._peaks()
        weights, itl_s = self._server.description.in_engine, self.itl.value
        read, written = map(self._figure, _TOKENS)
        context = (read + written / 2) / max(1, self._block["completed"])
        # Requests that wait for their first token read nothing yet.
        together = max(1.0, itl_s * self._block["itl_s"]["n"] / self._block["duration_s"])
        moved = weights.tensor_bytes * copies + weights.kv_bytes_per_token * context * together
        return Measure(moved / itl_s / peak.value, "of peak", reason=f"peak {peak.in_words('B/s')}")

    def _peaks(self) -> tuple[Peak, Peak, int]:
        """FLOP/s and B/s of all devices that it computes on, and the copies of its weights that answer side by side."""
        from harness.models.vllm.engine import world_size

        arguments = self._server.served.settings.engine_options.get("engine_args", {})
        copies = int(arguments.get("data_parallel_size", 1))
        flops, moved = peaks(self._server.description.in_engine.dtype)
        workers = world_size(arguments) * copies
        return flops.of(workers), moved.of(workers), copies

    def _flops(self) -> float:
        """Operations of all answered requests, as if they were of one length."""
        requests = max(1, self._block["completed"])
        read, written = (self._figure(name) / requests for name in _TOKENS)
        return float(requests * self._server.description.in_engine.architecture.flops_of_request(read, written))

    def _figure(self, name: str) -> float:
        return self._known(self._block[name], name)

    def _known(self, value: float | None, name: str) -> float:
        if value is None or value <= 0:
            raise ScoreError(
                f"The block has no {name}: the server counts no tokens (usage), or no answer has two of them. Ask for "
                "more output_tokens, or measure something else."
            )
        return float(value)


def excess_unanswered(loads: Mapping[tuple[Role, str], object]) -> dict[str, float]:
    """The share of each pair's requests that the candidate left unanswered, less the baseline's. What is no `Load`
    could not be measured.
    """
    shares = {place: load.unanswered for place, load in loads.items() if isinstance(load, Load)}
    pairs = {case: share for (role, case), share in shares.items() if role == "candidate"}
    return {case: share - shares["baseline", case] for case, share in pairs.items() if ("baseline", case) in shares}


def unmeasurable(figure: str, plan: BlockPlan, settings: Settings) -> str | None:
    """The reason why no block of a plan has a figure of `Load`, as far as it is known beforehand; None without one."""
    if figure == "goodput" and not plan.load.objective:
        return _NO_OBJECTIVE
    names = (candidate_name(settings), baseline_name(settings)) if figure in ("cost", *_OF_WEIGHTS) else ()
    for version in (settings.version(name) for name in names if name is not None):
        if not takes_load(version):  # for which the test is skipped
            continue
        if figure == "cost" and version.price is None and version.price_per_hour is None:
            return _NO_PRICE.format(version.name)
        if figure in _OF_WEIGHTS and "weights" not in version.engine_options:
            return (
                f"load.{figure} needs the weights of {version.name}, which has an address: name a version with "
                'weights and engine = "vllm", or leave the test out with -k.'
            )
    return None


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

    speeds = multiply(), copy()
    if is_gpu:
        torch.cuda.empty_cache()
    return speeds
