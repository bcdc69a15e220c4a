"""Spending of a run, and whether the next request still fits in its limits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import BudgetSpentError, CapabilityError
from harness.models.engine import WEIGHED
from harness.records import Budget, BudgetLimits, Expenditure, LimitName, Price, Sample

if TYPE_CHECKING:
    from harness.models.version import Version
    from harness.requests.pending import PendingDraws

_NOTHING: Mapping[LimitName, float] = MappingProxyType({})


class ForwardPass(NamedTuple):
    """Tokens that pass through a model, a prompt or an answer after one: how many, how many each of them sees beside
    those of its own pass, and of how many the model is asked what follows.
    """

    n_tokens: int
    before: int
    n_predicting: int


@dataclass(slots=True)
class VersionSpending:
    """The samples, tokens and cost of one version: `counts` where its answers say how many tokens they took, and
    `is_cost_known` where all of them have a cost.

    Attributes:
        passes: how often tokens passed through it like this; of requests under load the mean one, so often.
        reported_cost: what answers said that they cost; `priced` are the tokens of those that did not.
    """

    price: Price | None = None
    n_samples: int = 0
    n_under_way: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    passes: Counter[ForwardPass] = field(default_factory=Counter)
    counts: bool = True
    reported_cost: float = 0.0
    priced: tuple[int, int] = (0, 0)
    is_cost_known: bool = True

    @property
    def tokens(self) -> int:
        """All that it read and wrote."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float:
        """Of its answers, as far as it is known: what they said, else by the price."""
        return self.reported_cost + (0.0 if self.price is None else self.price.of(*self.priced))

    def add(self, n_samples: int, read: int | None, written: int | None, cost: float | None = None) -> None:
        """Count answers: their tokens, None where they don't say, and what they said that they cost."""
        is_counted = read is not None and written is not None
        self.n_samples += n_samples
        self.counts = self.counts and is_counted
        self.prompt_tokens += read or 0
        self.completion_tokens += written or 0
        if cost is not None:
            self.reported_cost += cost
        elif is_counted and self.price is not None:
            self.priced = self.priced[0] + (read or 0), self.priced[1] + (written or 0)
        elif self.price != Price(0, 0):
            self.is_cost_known = False


class Spending:
    """Counts what is drawn, and says whether a request still fits.

    A request is sent while what was spent, and what it and those under way are expected to take (by the mean of the
    samples that its version gave), stay within the limits. Where tokens or cost are limited, the first request of a
    version is alone under way, for nothing is known of it. What does not fit waits for those under way, which may take
    less; with none under way, nothing more is sent for the rest of the run. So what goes over a limit is at most that
    by which requests under way take more than their version's mean.

    Args:
        prices: of the versions that may be asked, by name.
        elapsed_s: seconds that the session is old already.
        clock: seconds, from any start.
    """

    def __init__(
        self,
        limits: BudgetLimits | None = None,
        prices: Mapping[str, Price | None] | None = None,
        *,
        elapsed_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or BudgetLimits()
        self.stopped_by: LimitName | None = None
        self.n_under_load = 0
        self.versions = {name: VersionSpending(price) for name, price in (prices or {}).items()}
        self._clock, self._began_s = clock, clock() - elapsed_s

    @property
    def prompt_tokens(self) -> int:
        """Tokens read, as far as engines say."""
        return sum(version.prompt_tokens for version in self.versions.values())

    @property
    def completion_tokens(self) -> int:
        """Tokens written, as far as engines say."""
        return sum(version.completion_tokens for version in self.versions.values())

    @property
    def known_cost(self) -> float:
        """Of what was drawn, as far as versions tell: what a limit of it bounds."""
        return sum(version.cost for version in self.versions.values())

    @property
    def cost(self) -> float | None:
        """Of what was drawn; None where a version that was asked says neither what its answers cost nor, with a price,
        how many tokens they took.
        """
        versions = self.versions.values()
        has_prices = bool(versions) and all(version.price is not None for version in versions)
        is_known = all(version.is_cost_known for version in versions)
        return self.known_cost if is_known and (has_prices or any(each.n_samples for each in versions)) else None

    def of(self, asked: Version) -> VersionSpending:
        """Return what a version took."""
        if asked.name not in self.versions:
            self.versions[asked.name] = VersionSpending(asked.settings.price)
        return self.versions[asked.name]

    def sent(self, asked: PendingDraws) -> None:
        """Note a request that goes out."""
        self.of(asked.source.version).n_under_way += len(asked.indices)

    def landed(self, asked: PendingDraws, samples: Sequence[Sample]) -> None:
        """Note what came of a request; no samples where it came to nothing."""
        version = self.of(asked.source.version)
        version.n_under_way -= len(asked.indices)
        if not samples:
            return
        is_weighed = asked.request.kind in WEIGHED  # what is weighed is computed once for all
        written = [sample.completion_tokens for sample in (samples[:1] if is_weighed else samples)]
        read, known = samples[0].prompt_tokens, [count for count in written if count is not None]
        costs = [sample.cost for sample in samples if sample.cost is not None]
        cost = sum(costs) if len(costs) == len(samples) else None
        version.add(len(samples), read, sum(known) if len(known) == len(written) else None, cost)
        version.passes[ForwardPass(read or 0, 0, (read or 0) if is_weighed else 1)] += 1
        version.passes.update(ForwardPass(count, read or 0, count) for count in known if count)

    def measured(self, asked: Version, load: Mapping[str, Any]) -> None:
        """Count what a version read and wrote under load, as `steelyard load --json` has it: requests are not sent one
        by one.
        """
        version, n_requests = self.of(asked), load["completed"]
        self.n_under_load += load["requests"]
        if not n_requests:  # no answer says how many tokens it took, and none took any
            return
        read, written = load["prompt_tokens"], load["completion_tokens"]
        version.add(n_requests, read, written)
        prompt, answer = round((read or 0) / n_requests), round((written or 0) / n_requests)
        version.passes[ForwardPass(prompt, 0, 1)] += n_requests
        version.passes[ForwardPass(answer, prompt, answer)] += n_requests

    @property
    def is_late(self) -> bool:
        """True if the deadline has passed, if there is one."""
        return self.limits.deadline_s is not None and self._elapsed_s >= self.limits.deadline_s

    @property
    def left_s(self) -> float | None:
        """Seconds to the deadline; None where there is none."""
        return None if self.limits.deadline_s is None else self.limits.deadline_s - self._elapsed_s

    @property
    def _elapsed_s(self) -> float:
        return self._clock() - self._began_s

    @property
    def is_over(self) -> bool:
        """True if nothing more is to be sent."""
        return self.stopped_by is not None or self.is_late

    def refuse(self) -> BudgetSpentError:
        """The error for what is not done any more, once it `is_over`."""
        self.stopped_by = self.stopped_by or "deadline"
        return BudgetSpentError(self.limits.in_words(self.stopped_by))

    def refusal(self, n_requests: int) -> BudgetSpentError | None:
        """The error for what would be sent, first or again; None as long as no limit is known to be reached."""
        self.stopped_by = self.stopped_by or self._reached(n_requests)
        return self.refuse() if self.is_over else None

    def begin_block(self, versions: Iterable[Version], n_requests: int) -> None:
        """Let a pair of blocks begin, whole: half of one would say nothing. It may so go over a limit by what it takes.

        Raises:
            BudgetSpentError: a limit is reached.
            CapabilityError: a limit is set, and a version does not say what its answers take.
        """
        for error in (self.refusal(n_requests), *map(self.uncounted, versions)):
            if error is not None:
                raise error

    def uncounted(self, asked: Version) -> CapabilityError | None:
        """Return the error that a version can't be asked: a limit is set, and it does not say what its answers take."""
        version, lacks, limit = self.of(asked), "a count of its tokens (`usage`)", self.limits.in_words
        if self.limits.max_tokens is not None and not version.counts:
            bound = limit("max_tokens")
        elif self.limits.max_cost is not None and not version.is_cost_known:
            bound = limit("max_cost")
            if version.price is None:
                lacks = "`cost`, and has no price ({ input = 0, output = 0 } for one that costs nothing)"
        else:
            return None
        return CapabilityError(
            f"{bound} can't be kept: {asked.name} answers without {lacks}. Bound the run with "
            "max_requests or --deadline instead."
        )

    def allows(self, asked: PendingDraws, n_requests: int, n_under_way: int) -> bool:
        """Tell whether a request may go out now, after those sent so far, some of them still under way; where it may
        not, it waits, or the run is over.
        """
        if not self.limits.bounded:
            return True
        own, versions = self.of(asked.source.version), self.versions.values()
        self.stopped_by = self.stopped_by or self._reached(n_requests)
        is_first_out = self.limits.counts_tokens and any(v.n_under_way and not v.n_samples for v in versions)
        if self.is_over or is_first_out:
            return False
        expected: dict[LimitName, float] = {"max_tokens": 0.0, "max_cost": 0.0}
        for version in versions:
            n_expected = version.n_under_way + (len(asked.indices) if version is own else 0)
            if version.n_samples:
                expected["max_tokens"] += n_expected / version.n_samples * version.tokens
                expected["max_cost"] += n_expected / version.n_samples * version.cost
        scarce = self._reached(n_requests, expected)
        if scarce is not None and not n_under_way:
            self.stopped_by = scarce
        return scarce is None

    def _reached(self, n_requests: int, more: Mapping[LimitName, float] = _NOTHING) -> LimitName | None:
        """The limit that is reached by what is known to be spent, or passed by what is expected; None for none."""
        used: dict[LimitName, float] = {
            "max_requests": n_requests + self.n_under_load,
            "max_tokens": self.prompt_tokens + self.completion_tokens,
            "max_cost": self.known_cost,
        }
        for name, amount in used.items():
            limit = getattr(self.limits, name)
            if limit is not None and (amount >= limit or amount + more.get(name, 0) > limit):
                return name
        return None

    def budget(self, n_requests: int) -> Budget | None:
        """Return what might be spent and what was; None without limits."""
        if not self.limits.bounded:
            return None
        versions = self.versions.values()
        at_least: list[LimitName] = [] if all(version.counts for version in versions) else ["max_tokens"]
        at_least += [] if all(version.is_cost_known for version in versions) else ["max_cost"]
        n_tokens = self.prompt_tokens + self.completion_tokens
        cost = self.cost if self.limits.max_cost is None else self.known_cost
        spent = Expenditure(n_requests + self.n_under_load, n_tokens, cost, self._elapsed_s, tuple(at_least))
        return Budget(self.limits, spent, self.stopped_by)
