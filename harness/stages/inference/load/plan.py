"""The plan of a load: which requests are sent and when, drawn from a seed before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.config import setting_checks
from harness.config.files import json_lines, read_text
from harness.errors import UsageError, choices, none_of

if TYPE_CHECKING:
    import numpy as np

OBJECTIVES = ("ttft", "ttft_scheduled", "itl", "tpot", "e2e")
"""The figures that an objective can be set for, in seconds; each is of one request."""

DOUBTS = ("client", "schedule", "cache", "preemptions", "tokens", "machine", "steal")
"""The reasons not to trust a run; a plan may accept them by these names."""

_MOST = 1_000_000
"""The most requests of a run, and the most tokens of a prompt."""
_DEFAULT_REQUESTS = 300
_CLOSED_REQUESTS_A_SECOND = 20
_WORDS = (
    *("the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not"),
    *("he", "his", "but", "at", "are", "this", "have", "from", "or", "had", "an", "they", "which", "one", "you"),
    *("were", "her", "all", "she", "there", "would", "their", "we", "him", "been", "has", "when", "who", "will"),
    *("more", "no", "if", "out", "so", "said", "what", "up", "its", "about", "into", "than", "them", "can", "only"),
)
"""Words that most vocabularies have as one token each."""


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """A text or chat messages in OpenAI's form, and how long the answer shall be (None: as the plan says)."""

    text: str | None
    messages: Sequence[Mapping[str, Any]] = ()
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The requests of a load and their times. Exactly one of `rate` and `concurrency` says how they arrive.

    Two plans that are equal send the same prompts at the same times, so that two servers can be compared in pairs.

    Attributes:
        rate: requests a second, whatever the answers take (an open loop): a Poisson process that has so many.
        concurrency: so many requests in flight, each followed by the next when it ends (a closed loop).
        seconds: for how long requests are begun. requests: how many are begun. Whichever ends first; with neither, 300
            requests.
        prompts: what is asked, in turn; () for random words of `prompt_tokens`.
        prompt_tokens: about how many tokens a made-up prompt has, without the chat template.
        output_tokens: of an answer: exactly so many from a server of vLLM, elsewhere at most.
        ends_itself: let the model end its answers where it likes, after at most `output_tokens`.
        cached: let vLLM's prefix cache answer; else each request has a cache of its own.
        warm_up: requests before the measured ones, with prompts of their own.
        seed: of arrivals and prompts.
        objective: seconds that a request may take, by a name of `OBJECTIVES`; a good one keeps them all.
        timeout_s: a request that takes longer is an error.
        accept: doubts (`DOUBTS`) that do not make the run invalid; they are still told.
    """

    rate: float | None = None
    concurrency: int | None = None
    seconds: float | None = None
    requests: int | None = None
    prompts: tuple[PlannedPrompt, ...] = ()
    prompt_tokens: int = 128
    output_tokens: int = 64
    ends_itself: bool = False
    cached: bool = False
    warm_up: int = 4
    seed: int = 0
    objective: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    timeout_s: float = 300.0
    accept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a plan that can't be carried out (UsageError)."""
        if (self.rate is None) == (self.concurrency is None):
            given = "none is given" if self.rate is None else "both are given"
            raise UsageError(
                f"A load has one of rate and concurrency, and {given}. Give a rate (--rate 2.5, or rate=2.5 in a "
                "marker) for arrivals that do not wait for answers, or a concurrency (--concurrency 16, or "
                "concurrency=16) for so many requests in flight."
            )
        arrivals = self.rate * self.seconds if self.rate and self.seconds else None
        for name, low, mend in _LIMITS:
            value = arrivals if name == "rate × seconds" else getattr(self, name)
            if value is not None and not (0 < value < float("inf") if low is None else value >= low):
                raise UsageError(f"{name} = {value!r} {mend}.")
            if value is not None and low is not None and name != "seed" and value > _MOST:
                raise UsageError(f"{name} = {value:,.0f} is more than one run may have, {_MOST:,}; give less.")
        for name, limit in self.objective.items():
            if name not in OBJECTIVES:
                raise UsageError(f"{choices('objective', name, OBJECTIVES)} Write ttft=0.5,itl=0.1, in seconds.")
            if not 0 < limit < float("inf"):
                raise UsageError(f"objective {name} = {limit!r} names nothing that a request could keep; give seconds.")
        for doubt in self.accept:
            if doubt not in DOUBTS:
                raise UsageError(none_of("accept", doubt, DOUBTS))

    @property
    def is_timed(self) -> bool:
        """True for a closed loop that time alone ends: how many requests it has is known afterwards."""
        return self.concurrency is not None and self.seconds is not None and self.requests is None

    def n_requests(self) -> int:
        """How many requests are begun; of a loop that time alone ends an ample guess."""
        if self.rate is not None and self.seconds is not None:
            return min(round(self.rate * self.seconds), self.requests or _MOST)
        if self.is_timed:
            assert self.concurrency is not None and self.seconds is not None  # noqa: PT018
            return min(20_000, max(2_000, round(self.concurrency * self.seconds * _CLOSED_REQUESTS_A_SECOND)))
        return self.requests or _DEFAULT_REQUESTS


_LIMITS = (
    ("rate", None, "sends nothing; give requests a second, above 0, such as 2.5"),
    ("concurrency", 1, "sends nothing; give a count of requests in flight"),
    ("seconds", None, "is no time; give seconds above 0"),
    ("timeout_s", None, "is no time; give seconds above 0"),
    ("rate × seconds", 1, "is less than one request; give more seconds"),
    *((name, 1, "is too small; give 1 or more") for name in ("requests", "prompt_tokens", "output_tokens")),
    *((name, 0, "is too small; give 0 or more") for name in ("warm_up", "seed")),
)
"""Of a plan's values: the lowest (None for anything above 0), and what to do about a lower one."""


def arrival_times(plan: LoadPlan, generator: np.random.Generator) -> list[float] | None:
    """When each request is begun, in seconds from the start; None for a closed loop, where answers say it.

    Gaps are those of a Poisson process that is known to have n arrivals in n / rate seconds: exponential ones, scaled.
    Unscaled, 300 requests are at a rate that is 6 % off by one standard deviation, and a queue near its limit waits by
    the rate that came, not by the one that was planned.
    """
    import numpy as np

    if plan.rate is None:
        return None
    number = plan.n_requests()
    reached = np.cumsum(generator.exponential(size=number + 1))
    times: list[float] = (reached[:-1] / reached[-1] * number / plan.rate).tolist()
    return times


def planned_prompts(plan: LoadPlan, number: int, generator: np.random.Generator) -> list[PlannedPrompt]:
    """The prompts of so many requests: those of the plan in turn, or random words in an order that no other has."""
    if plan.prompts:
        return [plan.prompts[place % len(plan.prompts)] for place in range(number)]
    drawn = (generator.integers(0, len(_WORDS), plan.prompt_tokens).tolist() for _ in range(number))
    return [PlannedPrompt(" ".join(_WORDS[place] for place in places)) for places in drawn]


_HINT = 'Write {"prompt": "…"} in each line.'


def read_prompts(path: Path) -> tuple[PlannedPrompt, ...]:
    """The prompts of a file, a line each: text, or in `.jsonl` a `prompt` (or `messages`) and perhaps `output_tokens`.

    Raises:
        UsageError: there is no such file, or something in it is no prompt.
    """
    if path.suffix == ".jsonl":
        found = tuple(_prompt(row, where) for where, row in json_lines(path, UsageError, _HINT))
    else:
        found = tuple(PlannedPrompt(line) for line in read_text(path, UsageError).split("\n") if line.strip())
    if not found:
        raise UsageError(f"{path} holds no prompts; write one a line.")
    return found


def _prompt(row: Mapping[str, Any], where: str) -> PlannedPrompt:
    tokens, messages, text = row.get("output_tokens"), row.get("messages"), row.get("prompt")
    if tokens is not None:
        tokens = setting_checks.integer(tokens, "output_tokens", where=where)
    if isinstance(messages, list) and messages:
        return PlannedPrompt(None, tuple(messages), tokens)
    if not isinstance(text, str) or not text:
        raise UsageError(f"{where} has no prompt. {_HINT}")
    return PlannedPrompt(text, (), tokens)


def read_objective(given: Any, name: str, *, where: str) -> dict[str, float]:
    """Seconds by the name of what they are set for, written as a text or a table.

    Raises:
        UsageError: it is not of that form.

    >>> read_objective("ttft=0.5, itl=0.1", "objective", where="test_speed")
    {'ttft': 0.5, 'itl': 0.1}
    """
    if isinstance(given, Mapping):
        return {
            str(name): setting_checks.number(value, f"objective {name}", where=where) for name, value in given.items()
        }
    found: dict[str, float] = {}
    for part in str(given).split(","):
        of, _, value = (each.strip() for each in part.partition("="))
        try:
            seconds = float(value if of else "")
        except ValueError:
            raise UsageError(
                f"{where}: {name} = {given!r}: {part.strip()!r} names nothing that could be kept; write NAME=SECONDS, "
                "such as ttft=0.5,itl=0.1."
            ) from None
        if found.setdefault(of, seconds) != seconds:
            raise UsageError(f"{where}: {name} = {given!r}: {of} is set to two values; leave one out.")
    return found
