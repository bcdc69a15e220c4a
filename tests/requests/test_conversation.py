"""Conversations as samples: whose turns they are, when they end, and what is drawn for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness import SimulatedUser, checks
from harness.config.versions import read_versions
from harness.errors import CapabilityError, EngineError, UsageError
from harness.models.scripted.engine import ScriptedEngine
from harness.models.version import load_version
from harness.records import Request, Sample
from harness.requests import Model, Sampler, SampleSource, Trace, call_body
from harness.store import Store

PRICE = {"input": 1.0, "output": 2.0}
ANSWERS = {
    "Hi": "Hello.",
    "And?": "So.",
    "Warm in Lima?": 'tool call: look_up({"city": "Lima"})',
    "Lima: 21": "It is warm.",
    "For ever?": 'tool call: look_up({"city": "Ulm"})',
    "Ulm: 21": 'tool call: look_up({"city": "Ulm"})',
    "Which?": {"heads": 0.5, "tails": 0.5},
}
ON, DONE = json.dumps({"goal_met": False, "message": "And?"}), json.dumps({"goal_met": True, "message": ""})


def look_up(city: str) -> str:
    """The degrees of a city."""
    return f"{city}: 21"


class NotedEngine(ScriptedEngine):
    """A scripted engine that notes what it was asked, and may say one thing after another; "…" at the end is cut."""

    def __init__(self, name: str, options: Any, says: tuple[str, ...] = ()) -> None:
        super().__init__(name, options, Path())
        self.requests: list[Request] = []
        self.says = list(says)

    async def sample(self, request: Request, indices: Any) -> list[Sample]:
        self.requests.append(request)
        found = await super().sample(request, indices)
        text = self.says.pop(0) if self.says else None
        end = "length" if text is not None and text.endswith("…") else "stop"
        return found if text is None else [Sample(text, index, end, 1, 1) for index in indices]


@dataclass
class Stage:
    """Runs bodies against one store, each in a sampler of its own; what was asked in the last is kept."""

    folder: Path
    said: list[Request] = field(default_factory=list)
    played: list[Request] = field(default_factory=list)
    drawn: int = 0
    trace: Trace = field(default_factory=Trace)
    case: str = ""
    engines: dict[str, type[NotedEngine]] = field(default_factory=dict)
    started: int = 0

    def run(self, body: Callable[..., Any], *says: str, **more: Any) -> Any:
        tables = {
            "v": {"engine": "scripted", "answers": ANSWERS, "price": PRICE, **more},
            "player": {"engine": "scripted", "default": ON},
        }
        settings = read_versions(tables, where="test")
        engines = {
            name: self.engines.get(name, NotedEngine)(name, each.engine_options) for name, each in settings.items()
        }
        engines["player"].says = list(says)
        sources = {
            name: SampleSource(load_version(each, self.folder), engines[name]) for name, each in settings.items()
        }
        self.trace = Trace(self.case)

        async def find(name: str) -> SampleSource:
            return sources[name]

        async def act() -> Any:
            with Store.open(str(self.folder / "store.db")) as store:
                sampler = Sampler(store, window=8, find_source=find)
                try:
                    return await call_body(body, {"model": Model(sampler, sources["v"], 0, self.trace)})
                finally:
                    await sampler.close()
                    self.drawn = sampler.model_calls

        try:
            return asyncio.run(act())
        finally:
            self.said, self.played = engines["v"].requests, engines["player"].requests
            self.started = getattr(engines["v"], "starts", 0)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class PromptEngine(NotedEngine):
    """An application that tells once it runs that its function takes a prompt."""

    learns_at_start = True

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1

    def check_turns(self) -> None:
        if self.starts:
            raise CapabilityError("takes a prompt")


class Agent(NotedEngine):
    """An application that calls a tool itself, tells the turns that it added, and goes by what the tool gave."""

    def __init__(self, name: str, options: Any, tells_all: bool = False) -> None:
        super().__init__(name, options)
        self.tells_all = tells_all

    async def sample(self, request: Request, indices: Any) -> list[Sample]:
        self.requests.append(request)
        known = [turn["content"] for turn in request.messages if turn["role"] == "tool"]
        call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
        looks = ({"role": "assistant", "content": None, "tool_calls": [call]}, {**PAID, "tool_call_id": "c1"})
        text = known[0] if known else "Found it."
        new = (*(() if known else looks), {"role": "assistant", "content": text})
        told = (*request.messages, *new) if self.tells_all else new
        return [Sample(text, index, messages=told, tool_calls=None if known else (call,)) for index in indices]


PAID = {"role": "tool", "content": "121 euros"}


class WholeAgent(Agent):
    """Tells all turns of the conversation."""

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options, tells_all=True)


def user(**changes: Any) -> SimulatedUser:
    return SimulatedUser(**{"version": "player", "persona": "Ana, in a hurry.", "goal": "The day.", **changes})


def test_a_script_gives_the_same_in_def_and_async_def_bodies(stage: Stage) -> None:
    async def awaiting(model: Any) -> Any:
        return await model.converse(["Hi", {"role": "user", "content": "And?"}], temperature=0)

    talk = stage.run(awaiting, system="Be kind.")
    assert [turn["content"] for turn in talk.messages] == ["Hi", "Hello.", "And?", "So."]
    assert talk.text == "So."
    assert (talk.prompt_tokens, talk.completion_tokens, talk.latency_s) == (3 + 5, 2, 0)
    assert talk.cost == pytest.approx((8 * 1 + 2 * 2) / 1e6)
    assert talk.metadata == {"turns": 2, "steps": 2, "ended": "script"}
    assert [message["role"] for message in stage.said[1].messages] == ["system", "user", "assistant", "user"]
    again = stage.run(lambda model: model.converse(["Hi", "And?"], temperature=0), system="Be kind.")
    assert (again.messages, again.stored, stage.drawn) == (talk.messages, True, 0)
    assert stage.trace.sample is again
    assert stage.trace.lack is None


def test_what_a_user_says_is_a_prompt_of_the_version_and_a_message_stays_as_it_is(stage: Stage) -> None:
    more = {"template": "Kindly: {prompt}", "default": "Yes."}
    turns = ["Hi", {"role": "user", "content": "And?"}, "So?"]
    talk = stage.run(lambda model: model.converse(turns), **more)
    assert [turn["content"] for turn in talk.messages] == ["Hi", "Yes.", "And?", "So.", "So?", "Yes."]
    asked = [turn["content"] for turn in stage.said[-1].messages]
    assert asked == ["Kindly: Hi", "Yes.", "And?", "So.", "Kindly: So?"]
    for body in (lambda model: model.converse(["Hi"]), lambda model: model.loop("Hi", tools=[look_up])):
        stage.case += "another"
        talk = stage.run(body, **more)
        assert talk.messages[0]["content"] == "Hi"
        assert [turn["content"] for turn in stage.said[-1].messages] == ["Kindly: Hi"]
    assert stage.run(lambda model: model.converse(user(), turns=1), ON, **more).messages[0]["content"] == "And?"
    assert stage.said[-1].messages[0]["content"] == "Kindly: And?"


def test_turns_cut_a_script(stage: Stage) -> None:
    assert stage.run(lambda model: model.converse(["Hi", "And?"], turns=1)).metadata["turns"] == 1


GREETED = (
    lambda model: model.converse(["Hi", "And?"]),
    lambda model: model.loop("Warm in Lima?", tools=[look_up]),
    lambda model: model.ask("Which?"),
    lambda model: model.ask("Which?", seed=7),
    lambda model: model.ask("Which?", temperature=0),
)


@pytest.mark.parametrize("ask", GREETED, ids=["converse", "loop", "ask", "seed", "greedy"])
def test_draws_are_each_cases_own_and_are_not_drawn_again_for_it(stage: Stage, ask: Callable[[Any], Any]) -> None:
    drawn = []
    for case in ("peru", "chad", "peru"):
        stage.case = case
        stage.run(ask)
        drawn.append(stage.drawn)
    assert drawn[0] == drawn[1] > drawn[2] == 0


@pytest.mark.parametrize("sampling", [{}, {"seed": 7}])
def test_cases_that_ask_the_same_draw_independently(stage: Stage, sampling: dict[str, Any]) -> None:
    said = []
    for number in range(40):
        stage.case = f"c{number}"
        said.append(stage.run(lambda model: model.ask("Which?", **sampling)))
    assert {"heads", "tails"} == set(said)


def test_evaluations_of_a_case_share_what_they_ask_alike(stage: Stage) -> None:
    stage.run(lambda model: model.converse(["Hi", "And?"]))
    stage.run(lambda model: (model.converse(["Hi"]), model._apart(0).ask("Hi")))
    assert stage.drawn == 0


def test_a_scripted_version_that_is_asked_again_draws_again(stage: Stage) -> None:
    texts = stage.run(lambda model: [model.ask("Which?") for _ in range(40)])
    assert {"heads", "tails"} == set(texts)
    assert texts == stage.run(lambda model: [model.ask("Which?") for _ in range(40)])
    assert stage.drawn == 0


def test_a_simulated_user_talks_until_its_goal_is_met(stage: Stage) -> None:
    talk = stage.run(lambda model: model.converse(user()), ON, ON, DONE)
    assert [turn["content"] for turn in talk.messages] == ["And?", "So."] * 2
    assert talk.metadata == {"turns": 2, "steps": 2, "ended": "goal met"}
    roles = [message["role"] for message in stage.played[-1].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"], "it sees answers as what it is told"
    assert stage.played[-1].messages[-1]["content"] == "So."
    assert all(part in stage.played[0].messages[0]["content"] for part in ("Ana, in a hurry.", "The day."))
    assert [len(request.messages) for request in stage.said] == [1, 3]
    assert stage.trace.others
    assert stage.run(lambda model: model.converse(user())).stored
    assert (stage.drawn, stage.played) == (0, [])


def test_one_that_never_ends_is_stopped_and_the_score_says_so(stage: Stage) -> None:
    talk = stage.run(lambda model: model.converse(user(), turns=3))
    assert talk.metadata == {"turns": 3, "steps": 3, "ended": "turns"}
    assert stage.trace.lack == "the simulated user's goal was not met in 3 turns"
    assert stage.run(lambda model: model.converse(user(goal="More."))).metadata["turns"] == 10


def test_a_goal_is_not_met_before_anything_was_said_but_after_the_last_answer_it_may_be(stage: Stage) -> None:
    first = json.dumps({"goal_met": True, "message": "Hi"})
    assert stage.run(lambda model: model.converse(user(), turns=1), first, DONE).metadata["ended"] == "goal met"
    alone = json.dumps({"goal_met": True})
    talk = stage.run(lambda model: model.converse(user(goal="Less."), turns=1), first, alone)
    assert talk.metadata["ended"] == "goal met"
    with pytest.raises(
        EngineError, match="says nothing, and that its goal is met before the version has said anything"
    ):
        stage.run(lambda model: model.converse(user(persona="Other.")), DONE, DONE)


def test_a_user_whose_turns_are_over_need_say_nothing_more(stage: Stage) -> None:
    silent = json.dumps({"goal_met": False, "message": ""})
    assert stage.run(lambda model: model.converse(user(), turns=1), ON, silent, silent).metadata["ended"] == "turns"


def test_a_model_of_the_body_plays_the_user_as_well_and_is_none_of_its_samples(stage: Stage) -> None:
    with pytest.raises(EngineError, match=r"v has no answer to .The assistant waits for you"):
        stage.run(lambda model: model.converse(user(version=model)))
    assert not stage.trace.own


def test_a_turn_that_is_none_is_drawn_once_more(stage: Stage) -> None:
    assert stage.run(lambda model: model.converse(user(), turns=1), "no JSON", ON).messages[0]["content"] == "And?"
    empty = json.dumps({"goal_met": False, "message": " "})
    with pytest.raises(EngineError, match="player plays the user, and wrote no turn, asked twice: it says nothing"):
        stage.run(lambda model: model.converse(user(persona="Other.")), empty, empty)
    cut = '{"goal_met": false, "mess…'
    with pytest.raises(EngineError, match=r"cut at max_tokens.*Raise max_tokens in the sampling of player.$"):
        stage.run(lambda model: model.converse(user(persona="Third.")), cut, cut)


def test_tools_run_until_the_version_answers(stage: Stage) -> None:
    talk = stage.run(lambda model: model.loop("Warm in Lima?", tools=[look_up]))
    assert [turn["role"] for turn in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.messages[2] == {"role": "tool", "tool_call_id": "call-0-0", "content": "Lima: 21"}
    assert (talk.text, talk.metadata["ended"], talk.metadata["steps"]) == ("It is warm.", "answer", 2)
    assert stage.said[0].tools is not None
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Warm in Lima?"}]

    async def awaiting(model: Any) -> Any:
        return await model.loop(messages, tools=[look_up])

    assert len(stage.run(awaiting).messages) == 5
    in_turns = stage.run(lambda model: model.converse(["Hi", "Warm in Lima?"], tools=[look_up]))
    assert [turn["role"] for turn in in_turns.messages][2:] == ["user", "assistant", "tool", "assistant"]


def test_steps_bound_a_loop_and_what_the_last_step_calls_is_not_run(stage: Stage) -> None:
    ran = []

    def look_up(city: str) -> str:
        ran.append(city)
        return f"{city}: 21"

    talk = stage.run(lambda model: model.loop("For ever?", tools=[look_up], steps=3))
    assert (len(ran), talk.metadata["ended"], talk.text) == (2, "steps", "")
    assert stage.trace.lack == "no answer in 3 steps: each of them called tools"
    both = stage.run(lambda model: model.converse(["For ever?", "Hi"], tools=[look_up], steps=2))
    assert both.metadata == {"turns": 1, "steps": 2, "ended": "steps"}


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.converse(["Hi", "And?"]),
        lambda model: model.converse(["Hi", "And?"], temperature=0),
        lambda model: model.converse(user()),
        lambda model: model.converse(["Warm in Lima?"], tools=[look_up]),
        lambda model: model.loop("Warm in Lima?", tools=[look_up]),
    ],
)
def test_a_conversation_that_an_application_can_not_go_on_with_is_refused_before_anything_is_asked(
    stage: Stage, ask: Any
) -> None:
    stage.engines = {"v": PromptEngine}
    with pytest.raises(CapabilityError, match="takes a prompt"):
        stage.run(ask)
    assert (stage.said, stage.played) == ([], [])
    assert isinstance(stage.trace.error, CapabilityError)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.converse(["Hi"]),
        lambda model: model.converse(["Hi", "And?"], turns=1),
        lambda model: model.converse(user(), turns=1),
        lambda model: model.loop("Warm in Lima?", tools=[look_up], steps=1),
    ],
)
def test_one_that_ends_after_its_first_answer_is_asked_of_an_application_as_well(stage: Stage, ask: Any) -> None:
    stage.engines = {"v": PromptEngine}
    stage.run(ask)
    assert len(stage.said) == 1


@pytest.mark.parametrize(
    "ask", [lambda model: model.converse(["Hi", "And?"]), lambda model: model.converse(user(), turns=2)]
)
def test_an_application_is_not_started_for_a_conversation_that_is_stored(stage: Stage, ask: Any) -> None:
    stage.run(ask)
    stage.engines = {"v": PromptEngine}
    assert stage.run(ask).stored
    assert stage.started == 0


def test_a_stored_conversation_is_let_be_where_the_application_runs_for_another(stage: Stage) -> None:
    async def both(model: Any) -> Any:
        await model.ask("Which?")
        return await model.converse(["Hi", "And?"])

    stage.run(lambda model: model.converse(["Hi", "And?"]))
    stage.engines = {"v": PromptEngine}
    assert stage.run(both).stored
    assert stage.started == 1


def test_an_application_that_can_not_start_fails_the_conversation_with_its_own_words(stage: Stage) -> None:
    class Broken(PromptEngine):
        async def start(self) -> None:
            raise EngineError("no module named shop")

    stage.engines = {"v": Broken}
    with pytest.raises(EngineError, match="no module named shop"):
        stage.run(lambda model: model.converse(user()))
    assert stage.played == []


@pytest.mark.parametrize("agent", [Agent, WholeAgent])
@pytest.mark.parametrize("more", [{}, {"system": "Be brief.", "template": "Customer: {prompt}"}])
def test_what_an_application_did_in_a_turn_is_part_of_what_it_is_asked_with_next(
    stage: Stage, agent: type[Agent], more: Any
) -> None:
    stage.engines = {"v": agent}
    talk = stage.run(lambda model: model.converse(["Order 7", "How much?"]), **more)
    roles = [turn["role"] for turn in talk.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert (talk.text, talk.metadata["turns"]) == ("121 euros", 2)
    assert [turn["role"] for turn in stage.said[1].messages if turn["role"] != "system"] == roles[:-1]
    assert checks.calls(talk, ["find"], extra="refuse").value == 1


@pytest.mark.parametrize("agent", [Agent, WholeAgent])
def test_a_call_that_an_application_answered_itself_is_run_by_no_tool(stage: Stage, agent: type[Agent]) -> None:
    stage.engines = {"v": agent}
    talk = stage.run(lambda model: model.loop("Order 7", tools=[look_up]))
    assert [turn["role"] for turn in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.metadata["ended"] == "answer"


def test_a_simulated_user_sees_what_an_application_said_and_nothing_that_it_did(stage: Stage) -> None:
    stage.engines = {"v": Agent}
    stage.run(lambda model: model.converse(user()), ON, ON, DONE)
    assert [turn["content"] for turn in stage.played[-1].messages if turn["role"] == "user"][1:] == [
        "Found it.",
        "121 euros",
    ]


def test_a_call_that_nobody_answered_is_in_the_transcript_and_in_no_question(stage: Stage) -> None:
    class Caller(NotedEngine):
        async def sample(self, request: Request, indices: Any) -> list[Sample]:
            calls = ({"type": "function", "function": {"name": "find", "arguments": "{}"}},)
            return [replace(each, tool_calls=calls) for each in await super().sample(request, indices)]

    stage.engines = {"v": Caller}
    talk = stage.run(lambda model: model.converse(["Hi", "And?"]))
    assert [call["id"] for turn in talk.messages for call in turn.get("tool_calls", ())] == ["call-0-0"] * 2
    assert stage.said[1].messages[1] == {"role": "assistant", "content": "Hello."}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model: model.converse("Hi"), r"'Hi' is neither the list of a user's turns nor a harness.SimulatedUser"),
        (lambda model: model.converse([]), "is neither the list of a user's turns"),
        (lambda model: model.converse(["Hi", 3]), "turn 1 of the user is 3, which is neither a text nor a message"),
        (lambda model: model.converse(["Hi"], turns=0), "turns = 0 is no number of turns; write 1 or more"),
        (lambda model: model.loop("Hi", tools=[look_up], steps=True), "steps = True is no number of steps"),
        (lambda model: user(goal=" "), "SimulatedUser: goal = ' ' is no text; say it, such as goal=case.goal"),
        (lambda model: user(version=None), "version = None is neither the name of a version nor a model"),
    ],
)
def test_what_makes_no_conversation_is_refused(stage: Stage, ask: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stage.run(ask)
