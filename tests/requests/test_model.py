"""A model as a body sees it: what its methods ask of an engine, and what they give."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import read_versions
from harness.errors import CapabilityError, EngineError, UsageError
from harness.models.engine import Capability
from harness.models.scripted.engine import ScriptedEngine
from harness.models.version import load_version
from harness.requests import Model, Sampler, SampleSource, Trace, call_body
from harness.store import Store

TABLE = {
    "Q": {"yes": 0.75, "no": 0.25},
    "As JSON?": {'{"score": 4}': 0.75, '{"score": 5}': 0.25},
    "How many?": "12 000",
    "Which?": "[1] and more",
    "One line": "first\nsecond",
    "": {"A whole text.": 0.5, "Another.": 0.5},
}
QUESTION = [{"role": "user", "content": "Q"}]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Any]:
    """Calls a body with a scripted model; each body has a store of its own."""

    def call(body: Callable[..., Any], without: frozenset[Capability] = frozenset()) -> Any:
        settings = read_versions({"v": {"engine": "scripted", "answers": TABLE}}, where="test")["v"]
        engine = ScriptedEngine("scripted (v)", settings.engine_options, tmp_path)
        engine.capabilities -= without

        async def run() -> Any:
            with Store.open(str(tmp_path / f"{id(body)}.db")) as store:
                sampler = Sampler(store, window=8)
                model = Model(sampler, SampleSource(load_version(settings, tmp_path), engine), 0, Trace())
                try:
                    return await call_body(body, {"model": model})
                finally:
                    await sampler.close()

        return asyncio.run(run())

    return call


def test_every_method_gives_the_same_in_def_and_async_def_bodies(ask: Callable[..., Any]) -> None:
    def waiting(model: Any) -> Any:
        return (
            model.complete("Q", temperature=0).text,
            model.weigh("Q", " no").is_greedy,
            model.loglikelihood(QUESTION, "yes"),
            model._rolling("A whole text."),
            model.chat("As JSON?", schema={"type": "object"}, logprobs=2, temperature=0).logprobs[5].top[1][0],
        )

    async def awaiting(model: Any) -> Any:
        scored = await model.chat("As JSON?", schema={"type": "object"}, logprobs=2, temperature=0)
        return (
            (await model.complete("Q", temperature=0)).text,
            (await model.weigh("Q", " no")).is_greedy,
            await model.loglikelihood(QUESTION, "yes"),
            await model._rolling("A whole text."),
            scored.logprobs[5].top[1][0],
        )

    expected = ("yes", False, math.log(0.75), math.log(0.5), " 5")
    assert ask(waiting) == expected
    assert ask(awaiting) == expected


def test_a_completion_takes_sampling_parameters(ask: Callable[..., Any]) -> None:
    assert ask(lambda model: model.complete("One line", stop=["\n"]).text) == "first"
    assert ask(lambda model: model.complete("One line", max_tokens=1).truncated)
    with pytest.raises(UsageError, match="'until'"):
        ask(lambda model: model.complete("One line", until="."))


def test_a_number_that_was_cut_is_no_answer_and_a_list_that_ended_is(ask: Callable[..., Any]) -> None:
    with pytest.raises(EngineError, match=r"'12'\. It was cut at max_tokens: raise it, or let the schema bound"):
        ask(lambda model: model.structured("How many?", {"type": "integer"}, max_tokens=1))
    assert ask(lambda model: model.structured("Which?", {"type": "array"}, max_tokens=1)) == [1]


def test_weigh_and_loglikelihood_give_the_same_number(ask: Callable[..., Any]) -> None:
    def both(model: Any) -> Any:
        return model.loglikelihood("Q", "no"), model.weigh("Q", "no")

    value, sample = ask(both)
    assert (value, sample.loglikelihood) == (math.log(0.25), value)


@pytest.mark.parametrize(
    ("lacking", "call"),
    [
        (Capability.COMPLETION, lambda model: model.complete("Q")),
        (Capability.CHAT_TEMPLATE, lambda model: model.complete(QUESTION)),
        (Capability.LOGLIKELIHOOD, lambda model: model.weigh("Q", "no")),
        (Capability.CHAT_TEMPLATE, lambda model: model.loglikelihood(QUESTION, "no")),
        (Capability.ROLLING, lambda model: model._rolling("A whole text.")),
        (Capability.SCHEMA, lambda model: model.chat("As JSON?", schema={"type": "object"})),
    ],
)
def test_what_an_engine_lacks_is_refused_by_name(
    ask: Callable[..., Any], lacking: Capability, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(CapabilityError, match=rf"scripted \(v\) has no {lacking} \(it has: "):
        ask(call, frozenset({lacking}))
    ask(call)


def test_where_tools_can_be_called_is_said(ask: Callable[..., Any]) -> None:
    with pytest.raises(CapabilityError, match="--enable-auto-tool-choice"):
        ask(lambda model: model.chat("Q", tools=[{"type": "function"}]), frozenset({Capability.TOOLS}))


def test_a_set_of_draws_apart_is_drawn_anew_and_stays_the_same(ask: Callable[..., Any]) -> None:
    """Also where the version has a seed, with which the same sample asked twice is the same."""

    def draws(model: Any) -> Any:
        return [model._apart(number).chat("Q", seed=7).text for number in (*range(1, 30), *range(1, 30))]

    texts = ask(draws)
    assert set(texts) == {"yes", "no"}
    assert texts[:29] == texts[29:]
    assert ask(lambda model: model._apart(3)._apart(0).name) == "v"
