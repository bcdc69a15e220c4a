"""Spending of a run, and whether the next request still fits in its limits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import BudgetSpentError, CapabilityError
from harness.records import Budget, BudgetLimits, Expenditure, LimitName, Price, Request, Sample

if TYPE_CHECKING:
    from harness.models.version import Version
    from harness.requests.pending import PendingDraws

_CHARACTERS_PER_TOKEN = 4
_ANSWER_TOKENS = 256
"""Of an answer whose length nothing bounds, before the first one is seen."""
_WEIGHED = ("loglikelihood", "rolling")


class _Tokens(NamedTuple):
    """Tokens read and written, counted or expected."""

    prompt: float = 0.0
    completion: float = 0.0

    def plus(self, other: _Tokens, sign: int = 1) -> _Tokens:
        return _Tokens(self.prompt + sign * other.prompt, self.completion + sign * other.completion)


class ForwardPass(NamedTuple):
    """Tokens that pass through a model: a prompt, or an answer after one.

    Attributes:
        n_tokens: so many.
        before: tokens that each of them sees beside those of its own pass.
        n_predicting: of how many of them the model is asked what follows.
    """

    n_tokens: int
    before: int
    n_predicting: int


@dataclass(frozen=True, slots=True)
class TokensSpent:
    """The tokens that a version read and wrote.

    Attributes:
        passes: how often tokens passed through it like this; of requests under load the mean one, so often.
        is_counted: whether its answers say how many tokens they took.
    """

    passes: Mapping[ForwardPass, int]
    is_counted: bool


@dataclass(slots=True)
class _Version:
    """The requests, tokens and cost of one version.

    Attributes:
        n_answered, n_samples: requests whose tokens were counted, and the samples that they gave.
        counts: whether its answers say how many tokens they took.
        told_cost, n_told: what answers said that they cost, and how many said so.
        priced: tokens of those that did not, which are paid by the price. They are counted: no rounding adds up.
        is_cost_known: whether all that was answered has a cost.
        n_under_way, samples_under_way, guessed: requests that are not answered yet, their samples, and what these take
            as long as no answer was seen.
    """

    price: Price | None
    n_answered: int = 0
    n_samples: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    passes: Counter[ForwardPass] = field(default_factory=Counter)
    counts: bool = True
    told_cost: float = 0.0
    n_told: int = 0
    priced: _Tokens = field(default_factory=_Tokens)
    is_cost_known: bool = True
    n_under_way: int = 0
    samples_under_way: int = 0
    guessed: _Tokens = field(default_factory=_Tokens)

    def expected(self, n_requests: int, n_samples: int, guessed: _Tokens) -> _Tokens:
        """Estimate the tokens of requests, by the mean of those that were answered."""
        if not self.n_answered:
            return guessed
        return _Tokens(
            n_requests * self.prompt_tokens / self.n_answered, n_samples * self.completion_tokens / self.n_samples
        )

    @property
    def under_way(self) -> _Tokens:
        """The tokens expected for the requests that are not answered yet."""
        return self.expected(self.n_under_way, self.samples_under_way, self.guessed)

    @property
    def cost(self) -> float:
        """Of its answers, as far as it is known."""
        return self.told_cost + self._paid(self.priced)

    def expected_cost(self, n_samples: int, tokens: _Tokens) -> float:
        """Estimate the cost of so many samples, by what those said that were answered, else by their tokens."""
        if self.n_told:
            return n_samples * self.cost / self.n_samples
        return self._paid(tokens)

    def _paid(self, tokens: _Tokens) -> float:
        return 0.0 if self.price is None else self.price.of(*tokens)

    def charge(self, samples: Sequence[Sample], tokens: _Tokens | None) -> None:
        """Add the cost of answers, as far as it is known; no tokens where they are not counted."""
        told = [sample.cost for sample in samples if sample.cost is not None]
        if samples and len(told) == len(samples):
            self.told_cost += sum(told)
            self.n_told += len(told)
        elif self.price is not None and (tokens is not None or self.price == Price(0, 0)):
            self.priced = self.priced.plus(tokens or _Tokens())
        else:
            self.is_cost_known = False


class Spending:
    """Counts what is drawn, and says whether a request still fits.

    A request is sent while what was spent, and what it and those under way are expected to take (by the mean of the
    answers that its version gave), stay within the limits. Where it does not fit it waits for those under way, which
    may take less. With none under way, nothing more is sent for the rest of the run. So what goes over a limit is at
    most that by which requests under way take more than their version's mean.

    Args:
        limits: what may be spent.
        prices: of the versions that may be asked, by name.
        elapsed_s: seconds that the session is old already.
        clock: seconds, from any start.

    Attributes:
        n_under_load: requests of blocks under load, which are not sent one by one.
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
        self._versions = {name: _Version(price) for name, price in (prices or {}).items()}
        self.n_under_load = 0
        self._clock = clock
        self._began_s = clock() - elapsed_s

    # -- counting ---------------------------------------------------------------------------------------------------

    @property
    def prompt_tokens(self) -> int:
        """Tokens read, as far as engines say."""
        return sum(version.prompt_tokens for version in self._versions.values())

    @property
    def completion_tokens(self) -> int:
        """Tokens written, as far as engines say."""
        return sum(version.completion_tokens for version in self._versions.values())

    @property
    def tokens(self) -> Mapping[str, TokensSpent]:
        """The tokens that each version that may be asked read and wrote."""
        return {name: TokensSpent(each.passes, each.counts) for name, each in self._versions.items()}

    @property
    def known_cost(self) -> float:
        """Of what was drawn, as far as versions tell: what a limit of it bounds."""
        return sum(version.cost for version in self._versions.values())

    @property
    def cost(self) -> float | None:
        """Of what was drawn; None where a version that was asked says neither what its answers cost nor, with a price,
        how many tokens they took.
        """
        versions = self._versions.values()
        if any(not version.is_cost_known for version in versions):
            return None
        if not any(version.n_answered for version in versions) and (
            not versions or any(version.price is None for version in versions)
        ):
            return None
        return self.known_cost

    def sent(self, asked: PendingDraws) -> None:
        """Note a request that goes out."""
        version = self._version(asked)
        version.n_under_way += 1
        version.samples_under_way += len(asked.indices)
        version.guessed = version.guessed.plus(_guess(asked))

    def landed(self, asked: PendingDraws, samples: Sequence[Sample]) -> None:
        """Note what came of a request; no samples where it came to nothing."""
        version = self._version(asked)
        version.n_under_way -= 1
        version.samples_under_way -= len(asked.indices)
        version.guessed = version.guessed.plus(_guess(asked), -1)
        if not samples:
            return
        first, is_weighed = samples[0], asked.request.kind in _WEIGHED  # what is weighed is computed once for all
        written = [sample.completion_tokens for sample in (samples[:1] if is_weighed else samples)]
        is_counted = first.prompt_tokens is not None and None not in written
        version.counts = version.counts and is_counted
        read = first.prompt_tokens or 0
        version.passes[ForwardPass(read, 0, read if is_weighed else 1)] += 1
        version.passes.update(ForwardPass(count, read, count) for count in written if count)
        version.charge(samples, _Tokens(read, sum(count or 0 for count in written)) if is_counted else None)
        version.prompt_tokens += read
        version.completion_tokens += sum(count or 0 for count in written)
        version.n_answered += 1
        version.n_samples += len(samples)

    def measured(self, version: Version, load: Mapping[str, Any]) -> None:
        """Count what a version read and wrote under load, where requests are not sent one by one.

        Args:
            load: what came of it, with the keys of `steelyard load --json`.
        """
        found = self._versions.setdefault(version.name, _Version(version.settings.price))
        self.n_under_load += load["requests"]
        counted, n_requests = (load["prompt_tokens"], load["completion_tokens"]), load["completed"]
        if not n_requests:  # no answer says how many tokens it took, and none took any
            return
        found.counts = found.counts and None not in counted
        prompt_tokens, completion_tokens = (number or 0 for number in counted)
        found.charge((), None if None in counted else _Tokens(prompt_tokens, completion_tokens))
        found.prompt_tokens += prompt_tokens
        found.completion_tokens += completion_tokens
        found.n_answered += n_requests
        found.n_samples += n_requests
        read, count = round(prompt_tokens / n_requests), round(completion_tokens / n_requests)
        found.passes[ForwardPass(read, 0, 1)] += n_requests
        found.passes[ForwardPass(count, read, count)] += n_requests

    def _version(self, asked: PendingDraws) -> _Version:
        return self._versions.setdefault(asked.source.version.name, _Version(asked.source.version.settings.price))

    # -- limits -----------------------------------------------------------------------------------------------------

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed, if there is one."""
        return self.left_s is not None and self.left_s <= 0

    @property
    def left_s(self) -> float | None:
        """Seconds to the deadline; None where there is none."""
        deadline_s = self.limits.deadline_s
        return None if deadline_s is None else deadline_s - (self._clock() - self._began_s)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.stopped_by is not None or self.is_late

    def refuse(self) -> BudgetSpentError:
        """The error for what is not done any more, once it `is_over`."""
        if self.stopped_by is None:
            self.stopped_by = "deadline"
        return BudgetSpentError(self.limits.in_words(self.stopped_by))

    def begin_block(self, versions: Iterable[Version], n_requests: int) -> None:
        """Let a pair of blocks begin, whole: half of one would say nothing. It may so go over a limit by what it takes.

        Args:
            n_requests: sent so far one by one.

        Raises:
            BudgetSpentError: a limit is reached.
            CapabilityError: a limit is set, and a version does not say what its answers take.
        """
        self.stopped_by = self.stopped_by or self._reached(n_requests)
        if self.is_over:
            raise self.refuse()
        for version in versions:
            if (error := self.uncounted(version)) is not None:
                raise error

    def uncounted(self, asked: Version) -> CapabilityError | None:
        """Return the error that a version can't be asked: a limit is set, and it does not say what its answers take."""
        version = self._versions.setdefault(asked.name, _Version(asked.settings.price))
        if self.limits.max_tokens is not None and not version.counts:
            limit, lacks = self.limits.in_words("max_tokens"), "a count of its tokens (`usage`)"
        elif self.limits.max_cost is not None and not version.is_cost_known:
            limit = self.limits.in_words("max_cost")
            lacks = "a count of its tokens (`usage`)"
            if version.price is None:
                lacks = "`cost`, and has no price ({ input = 0, output = 0 } for one that costs nothing)"
        else:
            return None
        return CapabilityError(
            f"{limit} can't be kept: {asked.name} answers without {lacks}. Bound the run with "
            "max_requests or --deadline instead."
        )

    def allows(self, asked: PendingDraws, n_requests: int, n_under_way: int) -> bool:
        """Tell whether a request may go out now; where it may not, it waits, or the run is over.

        Args:
            n_requests: sent so far.
            n_under_way: how many of them are not answered yet.
        """
        if not self.limits.bounded:
            return True
        if self.limits.max_requests is not None and n_requests + self.n_under_load >= self.limits.max_requests:
            self.stopped_by = self.stopped_by or "max_requests"
        elif (scarce := self._scarce(asked)) is not None and not n_under_way:
            self.stopped_by = self.stopped_by or scarce
        elif scarce is None:
            return not self.is_over
        return False

    def _scarce(self, asked: PendingDraws) -> LimitName | None:
        """The limit that a request, with those under way, is expected to go beyond."""
        own = self._version(asked)
        first = not own.n_answered and not own.n_under_way
        takes = own.expected(1, len(asked.indices), _guess(asked))
        versions = self._versions.values()
        limits: dict[LimitName, tuple[float | None, float, float]] = {
            "max_tokens": (
                self.limits.max_tokens,
                self.prompt_tokens + self.completion_tokens,
                sum(map(sum, (each.under_way for each in versions))) + sum(takes),
            ),
            "max_cost": (
                self.limits.max_cost,
                self.known_cost,
                sum(each.expected_cost(each.samples_under_way, each.under_way) for each in versions)
                + own.expected_cost(len(asked.indices), takes),
            ),
        }
        for name, (limit, spent, expected) in limits.items():
            if limit is not None and (spent >= limit or (spent + expected > limit and not first)):
                return name
        return None

    def refusal(self, n_requests: int) -> BudgetSpentError | None:
        """The error for what goes out over a wire, first or again, once what is known to be spent reaches a limit."""
        reached = self._reached(n_requests)
        self.stopped_by = self.stopped_by or reached
        return self.refuse() if reached is not None or self.is_late else None

    def _reached(self, n_requests: int) -> LimitName | None:
        """The limit that is reached by what is known to be spent; None where none is."""
        limits: dict[LimitName, tuple[float | None, float]] = {
            "max_requests": (self.limits.max_requests, n_requests + self.n_under_load),
            "max_tokens": (self.limits.max_tokens, self.prompt_tokens + self.completion_tokens),
            "max_cost": (self.limits.max_cost, self.known_cost),
        }
        return next((name for name, (limit, used) in limits.items() if limit is not None and used >= limit), None)

    # -- telling ----------------------------------------------------------------------------------------------------

    def budget(self, n_requests: int) -> Budget | None:
        """Return what might be spent and what was; None without limits."""
        if not self.limits.bounded:
            return None
        tokens, elapsed_s = self.prompt_tokens + self.completion_tokens, self._clock() - self._began_s
        n_requests += self.n_under_load
        cost = self.cost if self.limits.max_cost is None else self.known_cost
        at_least = tuple(name for name, is_known in self._known().items() if not is_known)
        return Budget(self.limits, Expenditure(n_requests, tokens, cost, elapsed_s, at_least), self.stopped_by)

    def _known(self) -> dict[LimitName, bool]:
        """Of the limits that depend on what answers tell: whether all that was asked has told it."""
        versions = self._versions.values()
        return {
            "max_tokens": all(version.counts for version in versions),
            "max_cost": all(version.is_cost_known for version in versions),
        }


def _guess(asked: PendingDraws) -> _Tokens:
    """Guess the tokens that a request takes of a version that nothing is known of yet."""
    request = asked.request
    if request.kind in _WEIGHED:
        return _Tokens(_length(request) / _CHARACTERS_PER_TOKEN, 0.0)
    longest = min(_ANSWER_TOKENS, request.sampling.get("max_tokens", _ANSWER_TOKENS))
    return _Tokens(_length(request) / _CHARACTERS_PER_TOKEN, len(asked.indices) * float(longest))


def _length(request: Request) -> int:
    """Characters of what is asked; parts that are no text count nothing."""
    texts = [request.prompt, request.continuation, *(message.get("content") for message in request.messages)]
    return sum(len(text) for text in texts if isinstance(text, str))
