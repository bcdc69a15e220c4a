"""Every engine keeps the contract, and a check says so where one does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, SteelyardError
from harness.models.application.engine import ApplicationEngine
from harness.models.conformance import CHECKS, EngineUnderTest
from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import RetryPolicy
from harness.models.scripted.engine import ScriptedEngine
from harness.models.transformers.engine import TransformersEngine
from harness.models.vllm.engine import VllmEngine
from harness.records import Request, Sample
from tests.loopback import Fault, Loopback, Options
from tests.models.application.asking import command, python
from tests.models.asking import Loop

Check = Callable[[EngineUnderTest], Awaitable[None]]

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
ANSWERS = {
    "One?": {'{"n": 1}': 0.5, '{"n": 11}': 0.5},
    "Two?": {'{"n": 2}': 0.7, '{"n": 22}': 0.3},
    "2 + 2 =": {" 4": 0.9, " 5": 0.1},
    "": {"2 + 2 = 4": 1.0},
}
NOT_IN_THE_TABLE = Request(messages=({"role": "user", "content": "Three?"},))


def scripted(kind: type[ScriptedEngine] = ScriptedEngine) -> EngineUnderTest:
    return EngineUnderTest(
        lambda: kind("scripted (v)", {"answers": ANSWERS, "seed": 3}, Path()),
        prompts=("One?", "Two?"),
        unanswerable=NOT_IN_THE_TABLE,
    )


@every_check
def test_scripted(check: Check) -> None:
    asyncio.run(check(scripted()))


APPLICATION = """
import random

def answer(prompt, sampling):
    if prompt == "forbidden":
        raise ValueError(prompt)
    text = f"{prompt} {random.Random(sampling.get('seed')).random()}" if sampling.get("temperature") else prompt
    return {"text": text, "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
"""
PROGRAM = f"""
import json, sys
{APPLICATION}
for line in sys.stdin:
    asked = json.loads(line)
    try:
        print(json.dumps({{"id": asked["id"], **answer(asked["prompt"], asked["sampling"])}}), flush=True)
    except ValueError as error:
        print(json.dumps({{"id": asked["id"], "error": str(error)}}), flush=True)
"""
FORBIDDEN = Request(messages=({"role": "user", "content": "forbidden"},))


@pytest.mark.service
@every_check
@pytest.mark.parametrize("kind", ["python", "python, async", "command"])
def test_applications(check: Check, kind: str, tmp_path: Path) -> None:
    code = APPLICATION.replace("def answer", "async def answer") if "async" in kind else APPLICATION
    (tmp_path / "application.py").write_text(PROGRAM if kind == "command" else code)

    def create() -> ApplicationEngine:
        if kind == "command":
            return command(tmp_path, [sys.executable, "application.py"])
        return python(tmp_path, "application:answer")

    asyncio.run(check(EngineUnderTest(create, prompts=("One?", "Two?"), unanswerable=FORBIDDEN)))


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    answers = {name: texts for name, texts in ANSWERS.items() if name}
    server = Loopback(Options(answers=answers, faults=(Fault("400", asked="forbidden"),)))
    yield server
    server.stop()


@every_check
def test_openai(check: Check, server: Loopback) -> None:
    quick = RetryPolicy(within_s=0.3, least_attempts=2, first_delay_s=0.001, longest_delay_s=0.01)
    subject = EngineUnderTest(
        lambda: OpenAIEngine("openai (v)", server.settings(), policy=quick),
        prompts=("One?", "Two?"),
        unanswerable=Request(messages=({"role": "user", "content": "forbidden"},)),
    )
    asyncio.run(check(subject))


@pytest.mark.service
@pytest.mark.usefixtures("loaded_torch")
@every_check
def test_transformers(check: Check, tiny_llama: Path) -> None:
    subject = EngineUnderTest(
        lambda: TransformersEngine("transformers (tiny)", {"weights": str(tiny_llama), "batch_size": 4}, tiny_llama),
        prompts=("One?", "Two?"),
        unanswerable=Request(messages=({"role": "user", "content": "long " * 500},)),
    )
    asyncio.run(check(subject))


class Kept(VllmEngine):
    """Started once for all checks, which takes half a minute, and closed by the test."""

    started = False

    async def start(self) -> None:
        if not self.started:
            self.started = True
            await super().start()

    async def close(self) -> None:
        """Kept for the next check."""


@pytest.mark.service
@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vllm")
def test_vllm(run: Loop, tiny_llama: Path) -> None:
    """All in one test: an engine belongs to the loop in which it was started."""
    options = {"weights": str(tiny_llama), "dtype": "float32"}
    kept = Kept("vllm (tiny)", options, tiny_llama)
    subject = EngineUnderTest(
        lambda: kept,
        prompts=("One?", "Two?"),
        unanswerable=Request(messages=({"role": "user", "content": "long " * 500},)),
    )
    try:
        for check in CHECKS:
            run(check(subject))
    finally:
        run(VllmEngine.close(kept))
    run(CHECKS[0](replace(subject, create=lambda: VllmEngine("vllm (tiny)", options, tiny_llama))))


class Mute(ScriptedEngine):
    batch_size: int | None = 0

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.batch_size = 0


class Fragile(ScriptedEngine):
    async def close(self) -> None:
        raise EngineError("there is nothing to close")


class Forgetful(ScriptedEngine):
    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        return [replace(sample, index=0) for sample in await super().sample(request, indices)]


class Backwards(ScriptedEngine):
    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        return (await super().sample(request, indices))[::-1]


class Copying(ScriptedEngine):
    def choices_per_request(self, request: Request) -> int:
        return 8


class Unseeded(ScriptedEngine):
    n_asked = 0

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.n_asked += 1
        samples = await super().sample(request, indices)
        return [replace(each, text=f"{each.text} {self.n_asked}") for each in samples]


class Mixing(ScriptedEngine):
    """Answers what was asked last."""

    latest: Request | None = None

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.latest = request
        await asyncio.sleep(0)
        return await super().sample(self.latest, indices)


class Endless(ScriptedEngine):
    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        return [replace(sample, completion_tokens=99) for sample in await super().sample(request, indices)]


class Blind(ScriptedEngine):
    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        return await super().sample(replace(request, logprobs=None), indices)


class Nameless(ScriptedEngine):
    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        try:
            return await super().sample(request, indices)
        except EngineError:
            raise EngineError("no") from None


class Sulking(ScriptedEngine):
    cancelled = False

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        if self.cancelled:
            raise EngineError(f"{self.name} was given up once")
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return await super().sample(request, indices)


class Unheld(ScriptedEngine):
    held = False

    def hold(self, error: SteelyardError) -> None:
        self.held = True

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        self.http_requests += self.held
        return await super().sample(request, indices)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (Mute, "describes_itself", "batch_size = 0 keeps nothing busy"),
        (Forgetful, "answers_with_the_index_that_was_asked_for", r"asked for 7, it gave \[0\]"),
        (Backwards, "answers_in_the_order_of_the_indices", r"asked for \[5, 6, 7, 8\], it gave \[8, 7, 6, 5\]"),
        (Copying, "answers_in_the_order_of_the_indices", "choices_per_request is 8 at temperature 0"),
        (Unseeded, "draws_sample_i_of_a_seed_with_seed_plus_i", "is another answer"),
        (Mixing, "answers_many_requests_at_once", "is answered otherwise beside other requests"),
        (Endless, "stops_at_max_tokens", "max_tokens is 1, and the answer has 99 tokens"),
        (Blind, "has_what_it_claims", "logprobs were asked for, and the sample has none"),
        (Nameless, "goes_on_after_an_error", r"the message 'no' does not name 'scripted \(v\)'"),
        (Unheld, "holds_on_request", "it sent a request after hold"),
        (Fragile, "closes_twice", "nothing to close"),
        (Sulking, "goes_on_after_a_cancelled_request", "given up once"),
    ],
)
def test_a_check_finds_the_engine_that_breaks_it(kind: type[ScriptedEngine], name: str, words: str) -> None:
    check = next(check for check in CHECKS if check.__name__ == name)
    with pytest.raises((AssertionError, EngineError), match=words):
        asyncio.run(check(scripted(kind)))
