"""Cases, requests, samples and scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn

from harness.errors import ScoreError
from harness.records.budget import Price
from harness.records.tool_calls import new_turns, read_calls, words_of

Messages = tuple[Mapping[str, Any], ...]
Role = Literal["candidate", "baseline", "anchor"]
Kind = Literal["chat", "completion", "loglikelihood", "rolling"]
Outcome = Literal["scored", "failed", "skipped", "error"]
"""How a body ended: with scores, by a failed assertion, without a say on the case, or by any other exception."""


TIMES = ("s", "sec", "second", "seconds", "ms", "us", "µs", "ns", "milliseconds", "min", "minutes", "h", "hours")
"""Units of a measure that say which way is better: more of them is mostly worse, and of other units better."""
WITHHELD = frozenset({"content_filter", "sensitive", "safety", "SAFETY"})
"""Finish reasons of endpoints that keep an answer back, or a part of it, for what it holds."""


def may_lack(name: str) -> str:
    """What to write where some cases have no such field."""
    return f"Where cases may lack it, write case.get({name!r}), which is None then."


class Case:
    """One input with what is expected of it. Fields are attributes: `case.id`, `case.prompt`, `case.expected`, …

    >>> case = Case({"id": "peru", "prompt": "Capital of Peru?", "expected": "Lima"})
    >>> case.expected
    'Lima'
    >>> case["prompt"]
    'Capital of Peru?'
    """

    __slots__ = ("_digest", "_fields", "id")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)
        self.id: str = self._fields["id"]
        self._digest: str | None = None  # of the fields, which `content_digest` keeps here

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._fields:
            raise AttributeError(self._lacks(name))
        return self._fields[name]

    def __getitem__(self, name: str) -> Any:
        if name not in self._fields:
            raise KeyError(self._lacks(name))
        return self._fields[name]

    def _lacks(self, name: str) -> str:
        known = ", ".join(self._fields)
        return f"case {self.id!r} has no field {name!r}. Its fields: {known}. {may_lack(name)}"

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, name: str, default: Any = None) -> Any:
        """The field's value, or `default` where this case lacks it."""
        return self._fields.get(name, default)

    @property
    def fields(self) -> dict[str, Any]:
        """A copy of all fields."""
        return dict(self._fields)

    def __repr__(self) -> str:
        return f"Case({self._fields!r})"


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request to an engine: the answer depends on this, the version's fingerprint and the draw.

    "chat" draws an answer to `messages`; "completion" draws what follows a context, "loglikelihood" weighs
    `continuation` after one, "rolling" weighs the whole text `prompt`. A context is the raw text `prompt`, or
    `messages` through the chat template, a last message of the assistant being continued. Messages and tools have the
    form of OpenAI's API.

    Attributes:
        sampling: temperature, max_tokens, top_p, stop, seed, …; only what the version or the body set.
        schema: a JSON schema that the answer must follow.
        logprobs: how many alternatives to report for each token, 0 for the drawn token alone.
        truncate: whether a context that the model's window does not hold loses its beginning instead of being refused.
        number: of the question that it is for (`KeyedQuestion`), for an engine whose chance is its own; else 0, for it
            belongs to the key and not to the request.
    """

    kind: Kind = "chat"
    messages: Messages = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] | None = None
    logprobs: int | None = None
    prompt: str | None = None
    continuation: str | None = None
    truncate: bool = False
    number: int = 0

    @property
    def user_turns(self) -> list[Any]:
        """The content of each message of the user, in order."""
        return [message.get("content") for message in self.messages if message.get("role") == "user"]


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """The log probability (natural) of one drawn token, and of the most probable alternatives at its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One output of one model version for one request. Messages and tool calls have the form of OpenAI's API; what an
    engine does not tell is None.

    Attributes:
        text: the answer, without the reasoning that the engine kept apart.
        index: which draw this is among those of the same request.
        finish_reason: "stop", "length" (cut at max_tokens), "tool_calls", or what the engine said.
        latency_s: from sending the request to its complete answer (shared by the choices of one request).
        loglikelihood: of the weighed text, the natural log summed over its tokens; `is_greedy` says whether each is
            the most probable one at its place.
        cut_tokens: how many tokens the context lost at its beginning, where `Request.truncate` allowed it.
        stored: whether it came from the store and not from the model; `drawn_at`, in epoch seconds, is of these alone.
        context: the passages that an application answered from, each with its `id` and `text` and what else it says.
            Of an application are `cost` (in the currency of the version's `price`) and `metadata`, too.
        messages: all turns of a conversation; of an answer the question's and those that an application returned.
        failure: what was said of a draw that failed (`said`), and the `cause` that failures have in common; no
            body ever gets such a sample.
    """

    text: str
    index: int = 0
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    reasoning: str | None = None
    tool_calls: tuple[Mapping[str, Any], ...] | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    loglikelihood: float | None = None
    is_greedy: bool | None = None
    cut_tokens: int = 0
    stored: bool = False
    context: Messages | None = None
    cost: float | None = None
    metadata: Mapping[str, Any] | None = None
    messages: Messages | None = None
    failure: Mapping[str, Any] | None = None
    drawn_at: float | None = field(default=None, compare=False)

    @property
    def truncated(self) -> bool:
        """True where the answer was cut at max_tokens."""
        return self.finish_reason == "length"

    @property
    def lack(self) -> str | None:
        """The reason, in words, why the text is not what the model has to say; None where it is.

        An answer that is cut says so by `truncated`.
        """
        if self.finish_reason in WITHHELD:
            kept = "the rest of the answer" if self.text else "the answer"
            return f"a content filter of the endpoint withheld {kept} (finish_reason {self.finish_reason!r})"
        if self.text or self.loglikelihood is not None:
            return None
        if self.tool_calls:
            named = ", ".join(call.name for call in read_calls(self.tool_calls))
            return f"the answer is a tool call without text ({named})"
        return "the model wrote its reasoning and no answer" if self.reasoning and not self.truncated else None


def answer_turns(asked: Messages, sample: Sample) -> Messages:
    """An answer as the turns that it adds to those that were asked: one, or those that an application returned.

    The text and the calls of the answer are among them, once.
    """
    turns = new_turns(asked, sample.messages) if sample.messages else []
    texts = [words_of({"content": turn.get("content")}) for turn in turns if turn.get("role") == "assistant"]
    if sample.text not in texts and not (turns and turns[-1].get("role") == "assistant" and texts[-1]):
        turns.append({"role": "assistant", "content": sample.text})
    if sample.tool_calls and not any(turn.get("tool_calls") for turn in turns):
        calls = {"content": turns[-1].get("content") or None, "tool_calls": list(sample.tool_calls)}
        turns[-1] = {**turns[-1], **calls}
    return tuple(turns)


def together(answers: Sequence[Sample], price: Price | None = None) -> Sample:
    """The last answer of a conversation, with what all of them took and read: tokens, seconds, cost, passages."""
    totals: dict[str, Any] = {}
    for name in ("prompt_tokens", "completion_tokens", "latency_s"):
        values = [getattr(each, name) for each in answers]
        totals[name] = None if None in values else sum(values)
    costs = [
        each.cost
        if each.cost is not None or price is None or each.prompt_tokens is None or each.completion_tokens is None
        else price.of(each.prompt_tokens, each.completion_tokens)
        for each in answers
    ]
    read = [passage for each in answers for passage in each.context or ()]
    passages = tuple(passage for place, passage in enumerate(read) if passage not in read[:place])
    return replace(
        answers[-1],
        **totals,
        cost=None if None in costs else sum(filter(None, costs)),
        context=None if all(each.context is None for each in answers) else passages,
        stored=all(each.stored for each in answers),
    )


@dataclass(frozen=True, slots=True)
class NewSample:
    """A sample on its way into the store, with all that its key was made of."""

    key: bytes
    fingerprint: str
    generation: int
    request: Request
    sample: Sample


RARELY = 0.01
"""The share of its draws that a version may fail at, and be asked again: less than a margin can tell."""


@dataclass(frozen=True, slots=True)
class NotedFailures:
    """The draws of a generation of a version that failed in any run, whether they were answered later or not.

    Attributes:
        draws: as they would be kept, with their `failure`.
        n_drawn: all draws of the generation: those with a sample, and those that failed alone.
    """

    draws: Sequence[NewSample] = ()
    n_drawn: int = 0

    @property
    def n_requests(self) -> int:
        """The requests that failed: those of several draws fail as one."""
        failed = [(draw.key, draw.sample) for draw in self.draws]
        return len({(key, (each.failure or {}).get("request_index", each.index)) for key, each in failed})

    @property
    def are_many(self) -> bool:
        """True for failures of several requests that are too large a share of all draws to be asked again."""
        return self.n_requests > 1 and len(self.draws) > RARELY * self.n_drawn


@dataclass(frozen=True, slots=True)
class ScoringRule:
    """By whom and by what rule a score was given: fingerprints of the judges, and the digest of a rubric or the name of
    a metric. Two scores with different ones are not of the same kind.

    >>> str(ScoringRule(("0a1b", "2c3d"), "4e5f")), ScoringRule.parse("0a1b+2c3d/4e5f").judges
    ('0a1b+2c3d/4e5f', ('0a1b', '2c3d'))
    """

    judges: tuple[str, ...]
    rubric: str

    def __str__(self) -> str:
        return f"{'+'.join(self.judges)}/{self.rubric}"

    @classmethod
    def parse(cls, text: str) -> ScoringRule:
        """Read a rule that `str` wrote."""
        judges, _, rubric = text.partition("/")
        return cls(tuple(judges.split("+")), rubric)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a judge was shown beside the answer that it scored; reviewers see it, too.

    Attributes:
        fields: names of fields of the case, with their texts.
        reference: a right answer, or None.
        compared: the two answers of a comparison, texts or the turns of conversations; else empty.
    """

    fields: tuple[tuple[str, str], ...] = ()
    reference: str | None = None
    compared: tuple[str | Messages, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The work of one judge, by name, for one call of a body.

    Attributes:
        n_answers, n_malformed: answers that it gave, those that were asked for again included; and those of these that
            followed neither form nor scale.
        values: in [0, 1], one for each repeat that gave a score; empty for a preference.
        flip, first_wins: of a preference: the share of the pairs whose two orders disagree; how often the answer shown
            first was preferred, a tie being a half.
        is_complete: whether every question got an answer in its form, at the second attempt if not at the first.
    """

    judge: str
    n_answers: int
    n_malformed: int = 0
    values: tuple[float, ...] = ()
    flip: float | None = None
    first_wins: float | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """One judgement of one sample, in [0, 1].

    The value is checked where the body's result is read, so that the message can name the case. A score is returned,
    not asserted: it is neither true nor false, and says so, since `assert score` would pass at 0.

    `judged_by` says by whom and by what rule, where a judge gave it.
    """

    value: float
    reason: str | None = None
    judged_by: ScoringRule | None = None

    def __bool__(self) -> NoReturn:
        raise ScoreError(
            f"a Score ({self.value}) is neither true nor false; return it from the body, or compare its value."
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure in a unit: seconds, tokens/s, perplexity. Threshold and margin are then in its unit.

    `higher_is_better` is True where left out; of a time it must be given, here or by the marker's `aim`.
    `at_most` (and `at_least`, 0 where left out) declare its range: it is then weighed as scores are, with the same
    promise, and a value beyond it is an error. Cut in the body what may take longer: `min(seconds, 30.0)`. `statistic`
    weighs a quantile in place of the mean, with a promise that needs no range: "median" or "p1" to "p99". With neither
    the median of the paired differences is weighed. All readings of a metric declare the same.

    >>> Measure(1.4, "s", higher_is_better=False, at_most=30.0).at_most
    30.0
    """

    value: float
    unit: str
    higher_is_better: bool | None = None
    reason: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    statistic: str | None = None

    def __post_init__(self) -> None:
        if self.higher_is_better is None and self.unit not in TIMES:
            object.__setattr__(self, "higher_is_better", True)


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score as the store has it, or how a body ended that gave none: a failed assertion is a 0 on every metric, and
    its row has the name of a single score.

    Attributes:
        value: None where the body skipped the case or ended in an error.
        reason: in the body's words, or an error's text; `assertion` is the one that failed, with its values.
        sample_key: of the last sample that the body drew from the version under test.
        judged_by, shown: None where no judge had a part in it.
    """

    evaluation_id: str
    metric: str
    role: Role
    fingerprint: str
    case_id: str
    sample_index: int
    value: float | None
    outcome: Outcome = "scored"
    reason: str | None = None
    sample_key: bytes | None = None
    judged_by: ScoringRule | None = None
    shown: Shown | None = None
    assertion: str | None = None

    def is_of(self, metric: str) -> bool:
        """Tell whether it counts for a metric."""
        return self.metric == metric or self.outcome == "failed"

    @property
    def why(self) -> str | None:
        """Say why it is not another score: in the body's words, else by its assertion."""
        return self.assertion if self.reason is None else self.reason
