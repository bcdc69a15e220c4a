"""The plan of a load: which requests are sent and when, drawn from a seed before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from harness.config import typed
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


def _objective(given: Any) -> Mapping[str, float]:
    """Seconds by the name of what they are set for, written as a text or a table."""
    pairs = given.items() if isinstance(given, Mapping) else [each.split("=") for each in str(given).split(",")]
    objective: dict[str, float] = {}
    for pair in pairs:
        try:
            name, seconds = pair[0].strip(), float(pair[1])
        except (LookupError, TypeError, ValueError):
            name, seconds = pair[0], 0.0
        if not name or not 0 < seconds < float("inf"):
            raise typed.WrongValueError(f"names nothing that could be kept ({name!r}); write ttft=0.5,itl=0.1.")
        if name not in OBJECTIVES:
            raise typed.WrongTableError(f": {choices('objective', name, OBJECTIVES)}")
        if objective.setdefault(name, seconds) != seconds:
            raise typed.WrongValueError(f"sets {name} to two values; leave one out.")
    return objective


def _accepted(given: Any) -> frozenset[str]:
    names = given if isinstance(given, list | tuple | frozenset) else [given]
    for name in names:
        if name not in DOUBTS:
            raise typed.WrongTableError(f": {none_of('accept', str(name), DOUBTS)}")
    return frozenset(names)


_Many = Annotated[int, typed.Between(1, _MOST)]
_Objective = Annotated[Mapping[str, float], typed.Checked(_objective, is_all=True)]
_Accepted = Annotated[frozenset[str], typed.Checked(_accepted, is_all=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan(typed.Table):
    """The requests of a load and their times. Exactly one of `rate` and `concurrency` says how they arrive.

    Two plans that are equal send the same prompts at the same times, so that two servers can be compared in pairs.

    Attributes:
        rate: requests a second, whatever the answers take (an open loop): a Poisson process that has so many.
        concurrency: so many in flight, each followed by the next when it ends (a closed loop).
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
        accept: doubts (`DOUBTS`) that do not make the run invalid; they are still told.
    """

    rate: typed.Positive | None = None
    concurrency: _Many | None = None
    seconds: typed.Positive | None = None
    requests: _Many | None = None
    prompts: tuple[PlannedPrompt, ...] = ()
    prompt_tokens: _Many = 128
    output_tokens: _Many = 64
    ends_itself: bool = False
    cached: bool = False
    warm_up: Annotated[int, typed.Between(0, _MOST)] = 4
    seed: typed.Natural = 0
    objective: _Objective = field(default_factory=lambda: MappingProxyType({}))
    timeout_s: typed.Positive = 300.0
    accept: _Accepted = frozenset()

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        if (self.rate is None) == (self.concurrency is None):
            given = "none is given" if self.rate is None else "both are given"
            raise typed.WrongTableError(
                f": A load has one of rate and concurrency, and {given}. Give a rate (--rate 2.5, or rate=2.5 in a "
                "marker) for arrivals that do not wait for answers, or a concurrency (--concurrency 16, or "
                "concurrency=16) for so many requests in flight."
            )
        if self.rate and self.seconds and not 1 <= self.rate * self.seconds <= _MOST:
            raise typed.WrongTableError(
                f": rate × seconds = {self.rate * self.seconds:,.4g} is no number of requests that a run can have; "
                f"give 1 to {_MOST:,}."
            )

    @property
    def is_timed(self) -> bool:
        """True for a closed loop that time alone ends: how many requests it has is known afterwards."""
        return self.concurrency is not None and self.seconds is not None and self.requests is None

    def n_requests(self) -> int:
        """Return how many requests are begun; of a loop that time alone ends an ample guess."""
        if self.rate is not None and self.seconds is not None:
            return min(round(self.rate * self.seconds), self.requests or _MOST)
        if self.concurrency is not None and self.seconds is not None and self.requests is None:
            return min(20_000, max(2_000, round(self.concurrency * self.seconds * _CLOSED_REQUESTS_A_SECOND)))
        return self.requests or _DEFAULT_REQUESTS


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


def read_prompts(path: Path, error: type[UsageError] = UsageError) -> tuple[PlannedPrompt, ...]:
    """The prompts of a file, a line each: text, or in `.jsonl` a `prompt` (or `messages`) and perhaps `output_tokens`.

    Raises `error` where there is no such file, or something in it is no prompt.
    """
    if path.suffix != ".jsonl":
        prompts = [PlannedPrompt(line) for line in read_text(path, error).split("\n") if line.strip()]
    else:
        prompts = []
        for where, row in json_lines(path, error, _HINT):
            messages, text = row.get("messages"), row.get("prompt")
            tokens = row.get("output_tokens")
            tokens = typed.check(typed.Count | None, tokens, "output_tokens", where=where, error=error)
            if isinstance(messages, list) and messages:
                prompts.append(PlannedPrompt(None, tuple(messages), tokens))
            elif isinstance(text, str) and text:
                prompts.append(PlannedPrompt(text, (), tokens))
            else:
                raise error(f"{where} has no prompt. {_HINT}")
    if not prompts:
        raise error(f"{path} holds no prompts; write one a line.")
    return tuple(prompts)
