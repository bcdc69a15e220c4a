"""Checks that hold an engine to the contract of `harness.models.engine.Engine`; a distribution runs them on its own.

    from harness.extension import CHECKS, EngineUnderTest

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_the_engine_keeps_the_contract(check):
        asyncio.run(check(EngineUnderTest(make_engine, prompts=("One?", "Two?"))))

Each is a coroutine function. It makes an engine of its own, closes it, and raises `AssertionError` with a sentence
where the contract is not kept. What an engine does not claim in its `capabilities` it is not asked.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, get_origin, get_type_hints

from harness.errors import EngineError, SteelyardError
from harness.models.engine import Capability, Engine
from harness.records import Request, Sample

_MOST = 4
_WAIT_S = 120.0


@dataclass(frozen=True)
class EngineUnderTest:
    """An engine to check, and the requests to check it with.

    Attributes:
        create: makes an engine that is not started.
        prompts: two or more different prompts that it can answer.
        sampling: laid over each request; a small `max_tokens` keeps a real model quick.
        weighed: a prompt and a continuation whose probability can be asked for.
        schema: a JSON schema that its answers can follow.
        unanswerable: a request that it must refuse with `EngineError`; None where there is none.
        repeats_seeds: False for a model whose numbers depend on what is computed beside them, so that the same seed may
            give another answer.
    """

    create: Callable[[], Engine]
    prompts: Sequence[str]
    sampling: Mapping[str, Any] = field(default_factory=lambda: {"max_tokens": 8})
    weighed: tuple[str, str] = ("2 + 2 =", " 4")
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    unanswerable: Request | None = None
    repeats_seeds: bool = True

    def request(self, prompt: str | None = None, **sampling: Any) -> Request:
        """A chat request with one message of the user."""
        text = self.prompts[0] if prompt is None else prompt
        return Request(messages=({"role": "user", "content": text},), sampling={**self.sampling, **sampling})

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Engine]:
        """A started engine, closed afterwards."""
        engine = self.create()
        try:
            await engine.start()
            yield engine
        finally:
            await engine.close()


Check = Callable[[EngineUnderTest], Awaitable[None]]
_OF_STARTED: list[Check] = []


def _of_started(check: Callable[[EngineUnderTest, Engine], Awaitable[None]]) -> Check:
    @functools.wraps(check)
    async def started(subject: EngineUnderTest) -> None:
        async with subject.started() as engine:
            await check(subject, engine)

    _OF_STARTED.append(started)
    return started


async def describes_itself(subject: EngineUnderTest) -> None:
    """Its attributes are of the types that the contract has, before it is started."""
    engine = subject.create()
    for name, declared in get_type_hints(Engine).items():
        kind = declared if isinstance(declared, UnionType) else get_origin(declared) or declared
        assert isinstance(getattr(engine, name), kind), f"{name} = {getattr(engine, name)!r} is no {kind}."
    unknown = [each for each in engine.capabilities if not isinstance(each, Capability)]
    assert not unknown, f"capabilities holds {unknown}, none of {', '.join(Capability)}."
    assert engine.batch_size is None or engine.batch_size > 0, f"batch_size = {engine.batch_size} keeps nothing busy."
    await engine.close()


async def closes_twice(subject: EngineUnderTest) -> None:
    """`close` raises nothing for an engine that never started, and nothing for one that is closed."""
    engine = subject.create()
    await engine.close()
    await engine.close()
    async with subject.started() as engine:
        pass
    await engine.close()


@_of_started
async def answers_with_the_index_that_was_asked_for(subject: EngineUnderTest, engine: Engine) -> None:
    """One sample for one index, wherever the indices begin."""
    for index in (0, 7, 1_000_000):
        samples = await _draw(engine, subject.request(), index)
        assert _indices(samples) == [index], f"asked for {index}, it gave {_indices(samples)}."
        _check_sample(samples[0])


@_of_started
async def answers_in_the_order_of_the_indices(subject: EngineUnderTest, engine: Engine) -> None:
    """At most one sample for each index, in order, and at least one; as many as it said that one call may draw: one at
    temperature 0, where more would be copies.
    """
    most = engine.choices_per_request(subject.request(temperature=0))
    assert most == 1, f"choices_per_request is {most} at temperature 0; it must be 1."
    request = subject.request(temperature=1.0)
    most = engine.choices_per_request(request)
    assert most >= 1, f"choices_per_request is {most}; one sample must be possible."
    wanted = list(range(5, 5 + min(most, _MOST)))
    drawn = _indices(await _draw(engine, request, *wanted))
    assert drawn, "it gave no sample, and at least one is wanted."
    assert drawn == wanted[: len(drawn)], f"asked for {wanted}, it gave {drawn}."


@_of_started
async def draws_sample_i_of_a_seed_with_seed_plus_i(subject: EngineUnderTest, engine: Engine) -> None:
    """The same, whether drawn alone, beside others, or as index 0 of a later seed."""
    if Capability.SEED not in engine.capabilities or not subject.repeats_seeds:
        return
    request = subject.request(temperature=1.0, seed=11)
    together: list[Sample] = []
    while len(together) < 3:  # asked for again where it gave fewer, as the sampler does
        most = min(engine.choices_per_request(request), _MOST)
        together += await _draw(engine, request, *range(len(together), len(together) + most))
    for index in range(3):
        alone = (await _draw(engine, request, index))[0].text
        later = (await _draw(engine, subject.request(temperature=1.0, seed=11 + index), 0))[0].text
        assert alone == together[index].text, f"index {index} of seed 11 is another answer beside others."
        assert later == alone, f"index 0 of seed {11 + index} is another answer than index {index} of seed 11."


@_of_started
async def answers_many_requests_at_once(subject: EngineUnderTest, engine: Engine) -> None:
    """Requests in flight together each get their own answers."""
    requests = [subject.request(prompt, temperature=0) for prompt in subject.prompts for _ in range(3)]
    answers = await asyncio.gather(*(_draw(engine, each, 0) for each in requests))
    assert all(_indices(samples) == [0] for samples in answers), "a request got samples that it did not ask for."
    if subject.repeats_seeds:
        for request, samples in zip(requests, answers, strict=True):
            alone = (await _draw(engine, request, 0))[0].text
            assert samples[0].text == alone, f"{request.messages} is answered otherwise beside other requests."


@_of_started
async def stops_at_max_tokens(subject: EngineUnderTest, engine: Engine) -> None:
    """No answer is longer than `max_tokens`, and each says why it ended."""
    (sample,) = await _draw(engine, subject.request(max_tokens=1), 0)
    counted = sample.completion_tokens
    assert counted is None or counted <= 1, f"max_tokens is 1, and the answer has {counted} tokens."
    assert sample.finish_reason, "it does not say why the answer ended: finish_reason is empty."


@_of_started
async def has_what_it_claims(subject: EngineUnderTest, engine: Engine) -> None:
    """Each of its capabilities gives what it is for."""
    prompt, continuation = subject.weighed
    able = engine.capabilities
    if Capability.LOGPROBS in able:
        (sample,) = await _draw(engine, replace(subject.request(), logprobs=2), 0)
        assert sample.logprobs is not None, "logprobs were asked for, and the sample has none."
        for token in sample.logprobs:
            assert token.logprob <= 0, f"the log probability of {token.token!r} is {token.logprob}, above 0."
            assert len(token.top) <= 2, f"2 alternatives were asked for, and {token.token!r} has {len(token.top)}."
    if Capability.COMPLETION in able:
        request = Request(kind="completion", prompt=prompt, sampling=subject.sampling)
        _check_sample((await _draw(engine, request, 0))[0])
    if Capability.LOGLIKELIHOOD in able:
        request = Request(kind="loglikelihood", prompt=prompt, continuation=continuation)
        _check_weighed(await _draw(engine, request, 0, 1))
    rolling = Request(kind="rolling", prompt=prompt + continuation)
    if Capability.ROLLING in able:
        _check_weighed(await _draw(engine, rolling, 0, 1))
    if Capability.PROMPT_LOGPROBS in able:
        _check_foreseen((await _draw(engine, replace(rolling, logprobs=2), 0))[0])
    if Capability.SCHEMA in able:
        request = replace(subject.request(max_tokens=64), schema=dict(subject.schema))
        (sample,) = await _draw(engine, request, 0)
        if sample.finish_reason != "length":
            json.loads(sample.text)


@_of_started
async def goes_on_after_an_error(subject: EngineUnderTest, engine: Engine) -> None:
    """A request that it can't answer is an `EngineError` that names it, and the next request is answered."""
    if subject.unanswerable is None:
        return
    error = await _raised(engine, subject.unanswerable)
    assert isinstance(error, EngineError), f"it raised {error!r} and no EngineError."
    assert engine.name in str(error), f"the message {str(error)!r} does not name {engine.name!r}."
    _check_sample((await _draw(engine, subject.request(), 0))[0])


@_of_started
async def goes_on_after_a_cancelled_request(subject: EngineUnderTest, engine: Engine) -> None:
    """A request that is given up takes nothing with it."""
    task = asyncio.ensure_future(engine.sample(subject.request(), [0]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    _check_sample((await _draw(engine, subject.request(), 0))[0])


@_of_started
async def holds_on_request(subject: EngineUnderTest, engine: Engine) -> None:
    """After `hold` a request is finished, or ends with that very error; nothing waits for ever."""
    engine.hold(EngineError("held"))
    before = engine.http_requests
    error = await _raised(engine, subject.request())
    assert error is None or "held" in str(error), f"after hold it raised {error!r}."
    assert engine.http_requests == before, "it sent a request after hold."


CHECKS: tuple[Check, ...] = (describes_itself, closes_twice, *_OF_STARTED)
"""Every check, in the order in which it is worth to look at them."""


async def _draw(engine: Engine, request: Request, *indices: int) -> list[Sample]:
    return await asyncio.wait_for(engine.sample(request, indices), _WAIT_S)


async def _raised(engine: Engine, request: Request) -> BaseException | None:
    try:
        await _draw(engine, request, 0)
    except SteelyardError as error:
        return error
    return None


def _indices(samples: Sequence[Sample]) -> list[int]:
    return [sample.index for sample in samples]


def _check_sample(sample: Sample) -> None:
    assert isinstance(sample, Sample), f"{sample!r} is no harness.records.Sample."
    assert isinstance(sample.text, str), f"text = {sample.text!r} is no text."
    for name in ("prompt_tokens", "completion_tokens", "latency_s"):
        value = getattr(sample, name)
        assert value is None or value >= 0, f"{name} = {value} is below 0."


def _check_weighed(samples: Sequence[Sample]) -> None:
    values = [sample.loglikelihood for sample in samples]
    for value in values:
        assert value is not None, "a text was weighed, and the sample has no loglikelihood."
        assert math.isfinite(value) and value <= 0, f"loglikelihood = {value} is not finite, or above 0."  # noqa: PT018
    assert len(set(values)) <= 1, f"the same text weighs {values}; it must weigh the same for every index."


def _check_foreseen(sample: Sample) -> None:
    assert sample.logprobs, "what is foreseen at each place was asked for, and the sample has no logprobs."
    total = math.fsum(token.logprob for token in sample.logprobs)
    _check_weighed([sample])
    assert math.isclose(total, sample.loglikelihood or 0.0, abs_tol=1e-3), (
        f"the tokens weigh {total} together, and the text {sample.loglikelihood}."
    )
    for token in sample.logprobs:
        assert len(token.top) == 2, f"2 tokens were asked for at each place, and {token.token!r} has {len(token.top)}."
        assert token.top[0][1] >= token.top[1][1], f"the tokens at the place of {token.token!r} are not sorted."
