"""The version under test as one test body sees it, and what the body asked of it."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import EngineError, SteelyardError
from harness.records import Judgement, Messages, Request, Sample, ScoringRule, Shown, answer_turns
from harness.requests.bridge import settle
from harness.requests.conversation import (
    STEPS,
    TURNS,
    Conversation,
    Play,
    Script,
    SimulatedUser,
    Toolbox,
    check_count,
    check_script,
)
from harness.requests.pending import RenderedQuestion, SampleSource, Way

if TYPE_CHECKING:
    from harness.models.engine import Engine
    from harness.requests.sampler import Sampler

SETS_APART = 10_000_000
"""Distance between the indices of a model's sets of draws: more than there are samples of a case."""

_CUT_ADVICE = "raise it, or let the schema bound the answer (maxLength and pattern of texts, maxItems of lists)"
Result = TypeVar("Result")


class Trace:
    """What one body asked, of all versions, for a case to which its draws belong.

    Attributes:
        generation: of the candidate's draws, to which the turns of simulated users belong.
        own, others: in what ways the version under test was asked, and those that it is compared with or judged by.
        request, key, sample: what the version under test was asked first, and its last sample, which stands for it.
        lack: why a text that the body was given is not what the version has to say, in words; None where it is.
        truncated: whether any sample of that version was cut at max_tokens.
        drew: whether any sample had to be drawn, by this body or another one; the store had the others.
        error: the first error of an engine, a judge or the store, which counts even if the body catches it.
        made: the methods that were called, with what is to be awaited of each.
        judgements, judged_by: what each judge did that the body asked; by whom and by what rule, the last time.
        shown: what judges were shown, by rule; of several times the last.
    """

    def __init__(self, case: str = "", generation: int = 0) -> None:
        self.case, self.generation = case, generation
        self.own: set[Way] = set()
        self.others: set[Way] = set()
        self.request: Request | None = None
        self.key: bytes | None = None
        self.sample: Sample | None = None
        self.lack: str | None = None
        self.truncated = self.drew = False
        self.error: BaseException | None = None
        self.made: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        self.judgements: list[Judgement] = []
        self.judged_by: ScoringRule | None = None
        self.shown: dict[ScoringRule | None, Shown] = {}

    @property
    def way(self) -> Way | None:
        """How what it is scored by came about: as the answers of the version under test did, where it gave any."""
        answers: tuple[Way, ...] = ("drawn", "greedy")
        known = (way for ways in (self.own, self.others) for way in answers if way in ways)
        return next(known, "weighed" if self.own or self.others else None)

    def unawaited(self) -> list[str]:
        """The names of the methods whose answers were never awaited."""
        return [name for name, work in self.made if _is_unawaited(work)]

    def drop_unawaited(self) -> None:
        """End what was never awaited, which Python would warn of; what a task is to run is that task's."""
        tasks = {task.get_coro() for task in asyncio.all_tasks()}
        for _, work in self.made:
            if _is_unawaited(work) and work not in tasks:
                work.close()


def _is_unawaited(work: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(work) == inspect.CORO_CREATED


class Model:
    """A model version, ready to be asked.

    In an `async def` body every method is awaited, and so the types say. In a `def` body the same methods give their
    results directly.

    >>> # async def test_capital(model, case):
    >>> #     assert case.expected in await model.ask(case.prompt)
    """

    __slots__ = ("_index", "_is_other", "_occurrences", "_players", "_sampler", "_source", "_trace")

    def __init__(
        self, sampler: Sampler, source: SampleSource, index: int, trace: Trace, *, is_other: bool = False
    ) -> None:
        self._sampler, self._source, self._trace, self._is_other = sampler, source, trace, is_other
        self._index = source.first_index + index
        self._occurrences: dict[bytes, int] = {}
        self._players: dict[str, Model] = {}

    @property
    def name(self) -> str:
        """The version's name in the settings."""
        return self._source.version.name

    @property
    def system(self) -> str | None:
        """The version's system text, or None."""
        return self._source.version.settings.system

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The version's own sampling parameters, over which those of a request are laid."""
        return self._source.version.settings.sampling

    @property
    def fingerprint(self) -> str:
        """The digest that tells the version's answers from every other version's."""
        return self._source.version.fingerprint

    @property
    def steps(self) -> tuple[str, ...]:
        """The kinds of the steps that the version is made by, the first made first: "adapter", "retrieval", …"""
        return tuple(step.kind for step in self._source.version.settings.steps)

    def __repr__(self) -> str:
        return f"<model {self.name}>"

    def _apart(self, number: int) -> Model:
        """The same version for the same body, with a set of draws of its own, from 1; this model has set 0.

        Asking a model twice draws twice as well, but a version with a seed gives its sample of this index both times.
        """
        first_index = self._source.first_index
        source = replace(self._source, first_index=first_index + number * SETS_APART)
        return Model(self._sampler, source, self._index - first_index, self._trace, is_other=self._is_other)

    def ask(self, prompt: str, **sampling: Any) -> Coroutine[Any, Any, str]:
        """The text of the version's answer to a prompt.

        The version's template and system text are put around it; sampling parameters, such as `max_tokens=8`, are for
        this request alone.
        """
        version, case, last = self._source.version, self._trace.case, self._sampler.last_question
        plain = prompt if not sampling and type(prompt) is str else None
        question = last if last is not None and last.version is version and last.case == case else None
        if question is None or plain is None or question.prompt != plain:
            question = RenderedQuestion(version, case, version.chat(prompt, sampling=sampling), plain)
            self._sampler.last_question = question
        return self._settle("ask", self._text(question))

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        schema: Mapping[str, Any] | None = None,
        logprobs: int | None = None,
        **sampling: Any,
    ) -> Coroutine[Any, Any, Sample]:
        """The whole sample: text, finish reason, tokens, latency, tool calls, and log probabilities on request.

        Args:
            messages: chat messages, or one prompt.
            tools: in the form of OpenAI's API; the calls are in `sample.tool_calls`.
            schema: a JSON schema that the answer is held to.
            logprobs: how many alternatives to report for each token.
        """
        request = self._source.version.chat(messages, sampling=sampling, schema=schema, tools=tools, logprobs=logprobs)
        return self._settle("chat", self._draw(request))

    def structured(
        self, messages: str | Sequence[Mapping[str, Any]], schema: Mapping[str, Any], **sampling: Any
    ) -> Coroutine[Any, Any, Any]:
        """The answer as data: the engine is held to a JSON schema, and its answer is parsed.

        Raises:
            CapabilityError: the engine can't constrain its output.
            EngineError: the answer is no JSON all the same, or a number that was cut at max_tokens.
        """
        request = self._source.version.chat(messages, sampling=sampling, schema=schema)
        return self._settle("structured", self._read(request, data_of))

    def complete(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        logprobs: int | None = None,
        truncate: bool = False,
        **sampling: Any,
    ) -> Coroutine[Any, Any, Sample]:
        """Draw what the version writes after a prompt, as a whole sample.

        Args:
            prompt: raw text, without chat template, version's template or system text; or chat messages, which go
                through the chat template, a last message of the assistant being continued.
            logprobs: how many alternatives to report for each token.
            truncate: let a prompt that is too long lose its beginning; `sample.cut_tokens` says how much.
        """
        completion = self._source.version.completion
        asked = completion(prompt, sampling=sampling, logprobs=logprobs, truncate=truncate)
        return self._settle("complete", self._draw(asked))

    def loglikelihood(self, prompt: str | Sequence[Mapping[str, Any]], continuation: str) -> Coroutine[Any, Any, float]:
        """The natural log of the probability of `continuation` right after `prompt`, which is as in `complete`."""
        request = self._source.version.loglikelihood(prompt, continuation)
        return self._settle("loglikelihood", self._read(request, _loglikelihood))

    def weigh(
        self, prompt: str | Sequence[Mapping[str, Any]], continuation: str, *, truncate: bool = False
    ) -> Coroutine[Any, Any, Sample]:
        """`loglikelihood` as a whole sample: `sample.loglikelihood`, `sample.is_greedy`, tokens."""
        request = self._source.version.loglikelihood(prompt, continuation, truncate=truncate)
        return self._settle("weigh", self._draw(request))

    def _rolling(self, text: str) -> Coroutine[Any, Any, float]:
        """The natural log of the probability of a whole text, of any length, as lm-eval asks for it.

        What is longer than the model's window is weighed in pieces, each after one token of the piece before it.
        """
        return self._settle("rolling", self._read(self._source.version.rolling(text), _loglikelihood))

    def prompt_logprobs(self, text: str, *, top: int = 20) -> Coroutine[Any, Any, Sample]:
        """Compute what the version foresees at the place of each token of a raw text, its `top` most probable ones.

        Returns:
            harness.Sample, whose `logprobs` have an entry for each token of the text, but none for one that begins it.
            Tokens are named by the vocabulary's own pieces, so that each name stands for one token.
        """
        return self._settle("prompt_logprobs", self._draw(self._source.version.rolling(text, logprobs=top)))

    def converse(
        self,
        user: Script | SimulatedUser,
        *,
        turns: int | None = None,
        tools: Sequence[Callable[..., Any]] = (),
        steps: int = STEPS,
        **sampling: Any,
    ) -> Coroutine[Any, Any, Sample]:
        """A conversation with a user, as one sample: its transcript.

        Each answer is a sample of its own, asked for with all turns before it; so is each turn of a simulated user.

        Args:
            user: the user's turns one after the other, or a `harness.SimulatedUser`, which talks until its goal is met.
            turns: the most that the user says: by default all of a script, and 10 of a simulated user.
            tools, steps, sampling: as for `loop`; the steps are those to one turn.

        Returns:
            harness.Sample: `text` is the last answer, `messages` are the turns, tokens, cost and latency are those of
            all answers, and `metadata` has `turns`, `steps` and `ended`: "script", "goal met", "turns" or "steps".
        """
        check_script(user)
        most = None if turns is None else check_count(turns, "turns")
        return self._settle("converse", self._conversed((), (tools, steps, sampling), user, most))

    def loop(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Callable[..., Any]],
        steps: int = STEPS,
        **sampling: Any,
    ) -> Coroutine[Any, Any, Sample]:
        """The answer to messages, once the tools have run that the version calls for it, as a transcript.

        What a tool raises is an error of the body, unless it is `harness.ToolError`: that is told to the version, which
        goes on. So are a tool that there is not, and arguments that the tool does not take.

        Args:
            messages: chat messages, or one prompt.
            tools: functions, `def` or `async def`; their names, docstrings and annotations are what the version is told
                of them.
            steps: the most answers of which each calls tools; what the last of them calls is not run.
            sampling: parameters for these requests alone.

        Returns:
            harness.Sample, as of `converse`; `metadata["ended"]` is "answer" or "steps".
        """
        return self._settle("loop", self._conversed(messages, (tools, steps, sampling)))

    async def _conversed(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        how: tuple[Sequence[Callable[..., Any]], int, Mapping[str, Any]],
        user: Script | SimulatedUser | None = None,
        turns: int | None = None,
    ) -> Sample:
        """The transcript of a conversation, which stands for the body as its last sample does."""
        tools, steps, sampling = how
        source, toolbox = self._source, Toolbox(tools) if tools else None
        definitions = None if toolbox is None else toolbox.definitions

        async def ask(turns: Messages, prompts: Collection[int], goes_on: bool) -> tuple[Sample, Messages]:
            request = source.version.chat(turns, sampling=sampling, tools=definitions, prompts=prompts)
            sample = await self._draw(request, talks=source.engine if goes_on else None)
            return sample, answer_turns(request.messages, sample)

        talk = Conversation(ask, toolbox, check_count(steps, "steps"), messages)
        if user is None:
            await talk.answer()
        elif isinstance(user, SimulatedUser):
            play = await self._player(user.version, None if turns == 1 else source.engine)
            await talk.talk(play, user, turns or TURNS)
        else:
            await talk.follow(user[:turns])
        transcript = talk.transcript(source.version.settings.price)
        if not self._is_other:
            self._trace.sample = transcript
            self._trace.lack = self._trace.lack or talk.shortfall
        return transcript

    async def _player(self, version: Any, talks: Engine | None) -> Play:
        """Asks a version that plays the user of this model: its draws have the number of this model's."""
        source = version._source if isinstance(version, Model) else await self._sampler.source_of(version)
        later = self._trace.generation * SETS_APART  # its turns are drawn anew where the candidate's answers are
        number, name = self._index - self._source.first_index, source.version.fingerprint
        player = self._players.get(name) or Model(self._sampler, source, number, self._trace, is_other=True)
        self._players[name] = player

        async def play(part: Messages, schema: Mapping[str, Any], number: int) -> Sample:
            asked = player._apart(number) if number else player
            return await asked._draw(source.version.chat(part, schema=schema), later, talks)

        return play

    def _settle(self, method: str, work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
        """The work, to be awaited; in a `def` body its result."""
        self._trace.made.append((f"{'baseline' if self._is_other else 'model'}.{method}", work))
        result: Coroutine[Any, Any, Result] = settle(work)
        return result

    async def _draw(self, asked: Request | RenderedQuestion, later: int = 0, talks: Engine | None = None) -> Sample:
        """The sample of a question, one of the case's own; after it `talks` goes on. To the number of times that it was
        asked `later` is added: those of a later generation, say.
        """
        trace, sampler, source = self._trace, self._sampler, self._source
        question = asked if isinstance(asked, RenderedQuestion) else RenderedQuestion(source.version, trace.case, asked)
        occurrence = self._occurrences.get(question.text, 0)
        self._occurrences[question.text] = occurrence + 1
        number, request, way = occurrence + later, question.request, question.way
        keyed = question.keyed(number) if number else question.first
        if way == "greedy" and "drawn" in trace.others:  # it may answer a turn that was drawn
            way = "drawn"
        (trace.others if self._is_other else trace.own).add(way)
        if trace.request is None and not self._is_other:
            trace.request = request
        try:
            sampler.check_time()
            if talks is not None:
                await sampler.check_turns(talks, source, request, keyed, self._index)
            key, sample = await sampler.draw(source, request, keyed, self._index)
            sampler.check_time()
        except SteelyardError as error:
            trace.error = trace.error or error
            raise
        trace.drew = trace.drew or not sample.stored
        if not self._is_other:
            trace.key, trace.sample = key, sample
            trace.truncated = trace.truncated or sample.truncated
        return sample

    async def _text(self, question: RenderedQuestion) -> str:
        sample = await self._draw(question)
        if not self._is_other:
            self._trace.lack = self._trace.lack or sample.lack
        return sample.text

    async def _read(self, request: Request, read: Callable[[Sample, str], Result]) -> Result:
        return read(await self._draw(request), self.name)


def _loglikelihood(sample: Sample, name: str) -> float:
    if sample.loglikelihood is None:
        raise EngineError(f"{name} gave no log likelihood.")
    return sample.loglikelihood


def data_of(sample: Sample, name: str) -> Any:
    """Return what the JSON of an answer holds. Raises EngineError: it is none, or a number that was cut at
    max_tokens, which may have had more digits.
    """
    begins = repr(sample.text[:200])
    cut = f" It was cut at max_tokens: {_CUT_ADVICE}." if sample.truncated else ""
    try:
        data = json.loads(sample.text)
    except ValueError as error:
        raise EngineError(f"{name} answered no JSON for a schema ({error}): {begins}.{cut}") from None
    # Whatever else JSON holds shows its own end.
    if sample.truncated and isinstance(data, int | float) and not isinstance(data, bool):
        raise EngineError(f"{name} answered a number that may have more digits: {begins}.{cut}")
    return data
