"""A block of time as the store keeps it, and the fixture `load`: its figures, as measures that a body returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.config import Settings
from harness.config.roles import baseline_name, candidate_name
from harness.errors import CapabilityError, ScoreError, StoreError
from harness.records import Measure, Role
from harness.stages.inference.address import takes_load
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.serving import Server

if TYPE_CHECKING:
    from harness.stages.inference.blocks.peaks import Peaks

_MILLION = 1e6
_HOUR_S = 3600.0
_TOKENS = ("prompt_tokens", "completion_tokens")
_OF_WEIGHTS = ("flops_per_token", "mfu", "mbu")
_NO_OBJECTIVE = (
    'load.goodput needs an objective: write objective="ttft=0.5,itl=0.1" in the marker; itl in place of tpot where the '
    "server counts no tokens (usage)."
)
_NO_ENERGY = (
    "This machine tells nothing of the energy that it takes: /sys/class/powercap has no counter of a package (RAPL) "
    "that may be read, and NVML none of a GPU. Measure load.cost or load.throughput in its place, or run elsewhere."
)


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """The figures of one version in one block: `load` with the keys of `steelyard load --json`, and the energy that the
    machine's counters tell from the end of the warm-up on (None where they do not).
    """

    load: Mapping[str, Any]
    energy_j: float | None = None

    @property
    def invalid_reasons(self) -> tuple[str, ...]:
        """The reasons not to trust its figures."""
        return tuple(self.load["invalid_reasons"])

    @property
    def is_kept(self) -> bool:
        """True where a gate that is run again has it again: it can be trusted, or that it can't is the server's own
        doing. Who measured that anew until it could be trusted would choose among the version's own blocks.
        """
        return not self.invalid_reasons or (self.load["by_server"] and not self.load["interrupted"])

    def as_text(self) -> str:
        """As the store keeps it."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, sort_keys=True)


def block_from(text: str) -> LoadBlock:
    """The block that `as_text` wrote.

    Raises:
        StoreError: it is none.
    """
    try:
        plain = json.loads(text)
        return LoadBlock(**{name: plain[name] for name in LoadBlock.__slots__})
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"A block of the store can't be read: {error}. Measure anew with --fresh.") from None


class Load:
    """One block of one version under load; each figure is a `Measure` with its unit and better direction."""

    def __init__(self, block: LoadBlock, server: Server) -> None:
        self._block = block
        self._server = server

    @property
    def result(self) -> dict[str, Any]:
        """All figures of the load, with the keys of `steelyard load --json`."""
        return dict(self._block.load)

    @property
    def unanswered(self) -> float:
        """The share of the requests that were not answered."""
        load = self._block.load
        return 1 - float(load["completed"] / load["requests"])

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
        load = self._block.load
        if load["completed"] < load["requests"]:
            kinds = ", ".join(f"{kind} {number}" for kind, number in load["errors"].items())
            raise ScoreError(
                f"{load['requests'] - load['completed']} of {load['requests']} requests of a block of "
                f"{self._server.version} were not answered ({kinds}): the {name} of the others says nothing of what "
                "users wait, for who refuses most is quickest. Send less, mend the server and measure all pairs anew "
                "with --fresh, or weigh load.goodput, in which they count."
            )
        figures = load[name]
        return Measure(self._known(figures["mean"], name), "s", higher_is_better=False, reason=f"of {figures['n']:,}")

    @property
    def throughput(self) -> Measure:
        """Tokens written a second."""
        return Measure(self._figure("output_tokens_per_s"), "tokens/s")

    @property
    def goodput(self) -> Measure:
        """Requests a second that kept the objective."""
        value = self._block.load["goodput_per_s"]
        if value is None:
            raise ScoreError(_NO_OBJECTIVE)
        return Measure(value, "requests/s")

    @property
    def cost(self) -> Measure:
        """The cost of a million written tokens, in the currency of the settings: by the hour, or by the token."""
        settings = self._server.served.settings
        written = self._figure("completion_tokens")
        if settings.price_per_hour is not None:
            spent = settings.price_per_hour * self._block.load["duration_s"] / _HOUR_S
        elif settings.price is not None:
            spent = settings.price.of(int(self._figure("prompt_tokens")), int(written))
        else:
            raise CapabilityError(_no_price(self._server.version))
        return Measure(spent / written * _MILLION, "per million tokens", higher_is_better=False)

    @property
    def energy(self) -> Measure:
        """Joules for each token written, by the counters of processors and GPUs."""
        if self._block.energy_j is None:
            raise CapabilityError(_NO_ENERGY)
        return Measure(self._block.energy_j / self._figure("completion_tokens"), "J/token", higher_is_better=False)

    @property
    def flops_per_token(self) -> Measure:
        """Operations for a token read or written, causal, at the mean lengths of this block's requests."""
        return Measure(self._flops() / sum(map(self._figure, _TOKENS)), "FLOP/token", higher_is_better=False)

    @property
    def mfu(self) -> Measure:
        """The share of the devices' arithmetic that the model's operations were (model FLOPs utilisation)."""
        peak = self._peaks().flops_per_s
        share = self._flops() / self._block.load["duration_s"] / peak.value
        return Measure(share, "of peak", reason=f"peak {peak.in_words('FLOP/s')}")

    @property
    def mbu(self) -> Measure:
        """The share of the memory's bandwidth that reading weights and cache took while decoding."""
        peak, weights = self._peaks().bytes_per_s, self._server.description.in_engine
        load, itl_s = self._block.load, self.itl.value
        read, written = map(self._figure, _TOKENS)
        context = (read + written / 2) / max(1, load["completed"])
        # Requests that wait for their first token read nothing yet.
        together = max(1.0, itl_s * load["itl_s"]["n"] / load["duration_s"])
        moved = weights.tensor_bytes * self._copies() + weights.kv_bytes_per_token * context * together
        share = moved / itl_s / peak.value
        return Measure(share, "of peak", reason=f"peak {peak.in_words('B/s')}")

    def _peaks(self) -> Peaks:
        """Those of all devices that the server computes on."""
        from harness.models.vllm.engine import world_size
        from harness.stages.inference.blocks.peaks import peaks

        return peaks(self._server.description.in_engine.dtype).of(world_size(self._engine_args()) * self._copies())

    def _copies(self) -> int:
        """Copies of the weights that answer side by side."""
        return int(self._engine_args().get("data_parallel_size", 1))

    def _engine_args(self) -> Mapping[str, Any]:
        return dict(self._server.served.settings.engine_options.get("engine_args", {}))

    def _flops(self) -> float:
        """Operations of all answered requests, as if they were of one length."""
        requests = max(1, self._block.load["completed"])
        read, written = (self._figure(name) / requests for name in _TOKENS)
        return float(requests * self._server.description.in_engine.architecture.flops_of_request(read, written))

    def _figure(self, name: str) -> float:
        return self._known(self._block.load[name], name)

    def _known(self, value: float | None, name: str) -> float:
        if value is None or value <= 0:
            raise ScoreError(
                f"The block has no {name}: the server counts no tokens (usage), or no answer has two of them. Ask for "
                "more output_tokens, or measure something else."
            )
        return float(value)


def excess_unanswered(loads: Mapping[tuple[Role, str], object]) -> dict[str, float]:
    """The share of each pair's requests that the candidate left unanswered, less the baseline's.

    Args:
        loads: by version and case; what is no `Load` could not be measured.
    """
    shares = {place: load.unanswered for place, load in loads.items() if isinstance(load, Load)}
    pairs = {case: share for (role, case), share in shares.items() if role == "candidate"}
    return {case: share - shares["baseline", case] for case, share in pairs.items() if ("baseline", case) in shares}


def _no_price(version: str) -> str:
    return (
        f"load.cost needs what {version} costs: write price = {{ hour = 2.5 }}, of the machine, or "
        "price = { input = 0.15, output = 0.60 }, of a million tokens, among its settings."
    )


def unmeasurable(figure: str, plan: BlockPlan, settings: Settings) -> str | None:
    """The reason why no block of a plan has a figure of `Load`, as far as it is known beforehand; None without one.

    Args:
        settings: of the project, which name the versions that are measured.
    """
    if figure == "goodput" and not plan.load.objective:
        return _NO_OBJECTIVE
    if figure not in ("cost", *_OF_WEIGHTS):
        return None
    names = (candidate_name(settings), baseline_name(settings))
    for version in (settings.version(name) for name in names if name is not None):
        if not takes_load(version):  # for which the test is skipped
            continue
        if figure == "cost" and version.price is None and version.price_per_hour is None:
            return _no_price(version.name)
        if figure in _OF_WEIGHTS and "weights" not in version.engine_options:
            return (
                f"load.{figure} needs the weights of {version.name}, which has an address: name a version with "
                'weights and engine = "vllm", or leave the test out with -k.'
            )
    return None
