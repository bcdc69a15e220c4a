"""An application is asked as a version is; what goes wrong in it is told, and no call is made twice."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import (
    CapabilityError,
    EngineError,
    FailedDrawError,
    PartlyAnsweredError,
    SettingsError,
    UnreachableError,
)
from harness.models.engine import Capability
from harness.records import Request, Sample
from harness.requests.window import check_capabilities
from tests.models.application.asking import Limits, answer, application, ask, chat, facts, program, python
from tests.processes import children, is_running
from tests.waiting import until

pytestmark = pytest.mark.service


def test_what_a_function_returns_is_a_sample(tmp_path: Path) -> None:
    application(
        tmp_path,
        """
        def answer(prompt):
            return {"text": prompt.upper(), "context": [{"id": "hours", "text": "We open at nine."}], "cost": 0.25,
                    "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "metadata": {"route": "small"},
                    "tool_calls": [{"name": "find", "arguments": {}}]}
        """,
    )
    began = time.monotonic()
    sample = answer(python(tmp_path), "when?")
    assert sample.latency_s is not None
    assert 0 <= sample.latency_s < time.monotonic() - began
    names = ("text", "context", "cost", "prompt_tokens", "completion_tokens", "metadata", "tool_calls", "messages")
    assert facts(sample, *names) == {
        "text": "WHEN?",
        "context": ({"id": "hours", "text": "We open at nine."},),
        "cost": 0.25,
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "metadata": {"route": "small"},
        "tool_calls": ({"type": "function", "function": {"name": "find", "arguments": "{}"}},),
        "messages": None,
    }


@pytest.mark.parametrize("returns", ["messages + new", "new", "added(messages, new)"])
def test_an_application_returns_all_messages_or_its_new_ones(tmp_path: Path, returns: str) -> None:
    application(
        tmp_path,
        f"""
        def added(messages, new):
            messages += new
            return messages

        async def answer(messages: list):
            call = {{"id": "c1", "type": "function", "function": {{"name": "find", "arguments": "{{}}"}}}}
            new = [{{"role": "assistant", "content": "", "tool_calls": [call]}},
                   {{"role": "tool", "tool_call_id": "c1", "content": "At nine."}}]
            return {{"text": "Nine.", "messages": {returns}}}
        """,
    )
    sample = answer(python(tmp_path), "Hi", "Hello.", "When?")
    assert sample.messages is not None
    assert [turn["role"] for turn in sample.messages] == ["user", "assistant", "user", "assistant", "tool", "assistant"]
    assert sample.messages[-1] == {"role": "assistant", "content": "Nine."}
    assert [call["id"] for call in sample.tool_calls or ()] == ["c1"]


def test_calls_that_a_loop_answered_are_none_of_the_answer_after_them(tmp_path: Path) -> None:
    application(
        tmp_path,
        """
        def answer(messages, tools):
            return {"messages": [*messages, {"role": "assistant", "content": "Nine."}]}
        """,
    )
    asked = chat("When?", tools=({"type": "function", "function": {"name": "find"}},))
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    looked = ({"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "At nine."})
    (sample,) = ask(python(tmp_path), replace(asked, messages=(*asked.messages, *looked)))
    assert isinstance(sample, Sample)
    assert (sample.text, sample.tool_calls, len(sample.messages or ())) == ("Nine.", None, 4)


def test_a_function_of_messages_gets_all_and_one_of_a_prompt_refuses_more(tmp_path: Path) -> None:
    application(tmp_path, "def of(messages): return str(len(messages))\ndef answer(prompt): return prompt")
    assert answer(python(tmp_path, "bot:of"), "Hi", "Hello.", "When?").text == "3"
    with pytest.raises(
        CapabilityError, match=r"takes a prompt, and was asked with 3 messages \(user, assistant, user\)"
    ):
        answer(python(tmp_path), "Hi", "Hello.", "When?")
    picture = Request(messages=({"role": "user", "content": [{"type": "image_url"}]},))
    (error,) = ask(python(tmp_path), picture)
    assert isinstance(error, CapabilityError)


@pytest.mark.parametrize(
    ("parameters", "is_refused"),
    [("prompt", True), ("messages: str", True), ("*args", True), ("messages", False), ("prompt: list", False)],
)
def test_a_function_of_a_prompt_refuses_several_turns_once_it_has_started(
    tmp_path: Path, parameters: str, is_refused: bool
) -> None:
    engine = python(application(tmp_path, f"def answer({parameters}): return 'x'"))
    engine.check_turns()
    ask(engine)
    if is_refused:
        wanted = r"bot:answer takes a prompt, and was asked with a conversation .* write `messages: list` as its first"
        with pytest.raises(CapabilityError, match=wanted):
            engine.check_turns()
    else:
        engine.check_turns()


def test_sampling_schema_and_tools_go_to_who_takes_them(tmp_path: Path) -> None:
    application(
        tmp_path,
        """
        import json
        def all_of_it(prompt, sampling, schema, tools):
            return json.dumps([sampling, schema, tools])
        def answer(prompt):
            return prompt
        """,
    )
    asked = {"sampling": {"seed": 7}, "schema": {"type": "object"}, "tools": ({"type": "function"},)}
    (sample,) = ask(python(tmp_path, "bot:all_of_it"), chat("Hi", **asked), index=3)
    assert sample.text == '[{"seed": 10}, {"type": "object"}, [{"type": "function"}]]'
    engine = python(tmp_path)
    for name, value in asked.items():
        (error,) = ask(python(tmp_path), chat("Hi", **{name: value}))
        assert isinstance(error, CapabilityError)
        assert f"takes no {name}, and was asked with" in str(error)
        assert f"Give bot:answer a parameter `{name}`, or leave it out." in str(error)
    assert Capability.SCHEMA in engine.capabilities
    answer(engine, "Hi")
    assert engine.capabilities == frozenset()
    for name, value in asked.items():  # of one that has started
        with pytest.raises(CapabilityError, match=rf"takes no (seed|{name}), .* Give bot:answer a parameter `{name}`"):
            check_capabilities(engine, chat("Hi", **{name: value}))
    with pytest.raises(CapabilityError, match=r"has no loglikelihood .*; use a version that has it"):
        check_capabilities(engine, Request(kind="loglikelihood", prompt="a", continuation="b"))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no such order')", r"(?s)bot:answer raised ValueError: no such order.*line 2, in answer"),
        ("return None", "bot:answer returned None; return the text"),
        ("import sys; sys.exit(2)", "bot:answer raised SystemExit: 2"),
        ("import os; os._exit(7)", "its process ended with exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "its process was killed"),
        ("raise BaseException('odd')", "bot:answer raised BaseException: odd"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_goes_wrong_is_told_and_the_next_is_answered(tmp_path: Path, body: str, words: str, kind: str) -> None:
    application(tmp_path, f"{kind} answer(prompt):\n  if prompt == 'Hi': {body}\n  return prompt")
    bad, good = ask(python(tmp_path), chat("Hi")), None
    assert isinstance(bad[0], FailedDrawError)
    with pytest.raises(EngineError, match=words):
        raise bad[0]
    good = answer(python(tmp_path), "Ho")
    assert good.text == "Ho"


def test_ten_megabytes_that_are_printed_break_nothing(tmp_path: Path) -> None:
    application(
        tmp_path,
        """
        import os, sys
        def answer(prompt):
            print("x" * 5_000_000)
            sys.stderr.write("line\\n" * 500_000)
            os.write(1, b"\\x00\\xff" * 1_000_000)
            input_is_empty = sys.stdin.read() == ""
            return f"{prompt} {input_is_empty}"
        """,
    )
    assert answer(python(tmp_path), "Hi").text == "Hi True"


def test_coroutines_are_awaited_side_by_side(tmp_path: Path) -> None:
    application(
        tmp_path,
        "import asyncio\ntogether = asyncio.Barrier(300)\n"
        "async def answer(prompt):\n  await together.wait()\n  return prompt",
    )
    found = ask(python(tmp_path), *(chat(str(number)) for number in range(300)))
    assert [sample.text for sample in found] == list(map(str, range(300)))


def test_a_function_may_run_an_event_loop_of_its_own(tmp_path: Path) -> None:
    application(
        tmp_path,
        """
        import asyncio
        async def inner(prompt): return prompt
        def answer(prompt): return asyncio.run(inner(prompt))
        later = lambda prompt: inner(prompt)
        """,
    )
    assert answer(python(tmp_path), "Hi").text == "Hi"
    assert answer(python(tmp_path, "bot:later"), "Hi").text == "Hi"


def test_workers_answer_side_by_side_each_in_a_process_of_its_own(tmp_path: Path) -> None:
    application(tmp_path, "import os\ndef answer(prompt): return str(os.getpid())")
    found = {sample.text for sample in ask(python(tmp_path, workers=3), *(chat(str(n)) for n in range(9)))}
    assert len(found) == 3
    assert str(os.getpid()) not in found


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_close_is_called_at_the_end(tmp_path: Path, kind: str) -> None:
    application(
        tmp_path,
        f"""
        class Bot:
            {kind} __call__(self, prompt): return prompt
            {kind} close(self): open("closed", "w").close()
        import atexit
        atexit.register(lambda: open("ended", "w").close())
        """,
    )
    assert answer(python(tmp_path, "bot:Bot"), "Hi").text == "Hi"
    assert (tmp_path / "closed").exists()
    assert (tmp_path / "ended").exists()


def test_a_call_that_can_not_be_imported_does_not_start(tmp_path: Path) -> None:
    application(tmp_path, "import nothing_like_it")
    with pytest.raises(SettingsError, match="could not start: bot:answer can't be imported"):
        answer(python(tmp_path), "Hi")


def test_modules_are_those_of_the_folder_or_of_src_in_it(tmp_path: Path) -> None:
    application(tmp_path, "from harness_of_mine import said\ndef answer(prompt): return said", "src/json_of_mine.py")
    application(tmp_path, "said = 'mine'", "src/harness_of_mine.py")
    assert answer(python(tmp_path, "json_of_mine:answer"), "Hi").text == "mine"


PROGRAM = """
import json, sys
print("loading…")
for line in sys.stdin:
    asked = json.loads(line)
    if asked["prompt"] == "bad": reply = {"error": "no such order"}
    elif asked["prompt"] == "odd": reply = {"text": "", "contxt": 1}
    else: reply = {"text": (asked["prompt"] or "several") + str(asked["sampling"] or ""), "cost": 0.5}
    print(json.dumps({"id": asked["id"], **reply}))
"""


def test_a_program_is_asked_in_lines_of_json(tmp_path: Path) -> None:
    sample = answer(program(tmp_path, PROGRAM), "Hi")
    assert facts(sample, "text", "cost") == {"text": "Hi", "cost": 0.5}
    assert answer(program(tmp_path, PROGRAM), "Hi", "Hello.", "When?").text == "several"
    with pytest.raises(EngineError, match=r"says: no such order"):
        answer(program(tmp_path, PROGRAM), "bad")
    with pytest.raises(EngineError, match=r"'contxt' is no field of an answer"):
        answer(program(tmp_path, PROGRAM), "odd")


def test_a_program_gets_the_sampling_parameters(tmp_path: Path) -> None:
    (sample,) = ask(program(tmp_path, PROGRAM), chat("Hi", sampling={"temperature": 0.5}))
    assert sample.text == "Hi{'temperature': 0.5}"


def test_draws_of_one_request_are_calls_side_by_side_and_the_errors_are_of_those_that_failed(tmp_path: Path) -> None:
    code = """
    import asyncio
    n, together = 0, asyncio.Barrier(4)
    async def answer(prompt):
        global n
        n, mine = n + 1, n
        await together.wait()
        if mine % 2: raise ValueError(mine)
        return f"{prompt} {mine}"
    """
    application(tmp_path, code)
    engine = python(tmp_path)

    async def run() -> PartlyAnsweredError:
        await engine.start()
        try:
            assert engine.choices_per_request(chat("Hi")) > 4
            assert engine.choices_per_request(chat("Hi", sampling={"temperature": 0})) == 1
            with pytest.raises(PartlyAnsweredError) as raised:
                await engine.sample(chat("Hi"), [7, 8, 9, 10])
            return raised.value
        finally:
            await engine.close()

    partly = asyncio.run(run())
    assert {index: sample.text for index, sample in partly.samples.items()} == {7: "Hi 0", 9: "Hi 2"}
    assert [sample.index for sample in partly.samples.values()] == [7, 9]
    assert list(partly.errors) == [8, 10]
    assert "ValueError: 1" in str(partly.errors[8])


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_that_blocks_for_ever_ends_at_its_time_limit_and_others_go_on(tmp_path: Path, kind: str) -> None:
    wait = "threading.Event().wait()" if kind == "def" else "await asyncio.Event().wait()"
    code = f"import asyncio, threading\n{kind} answer(prompt):\n  if prompt == 'block': print('stuck'); {wait}\n"
    application(tmp_path, f"{code}  return prompt")
    found = ask(python(tmp_path, timeout_s=60), chat("a"), chat("block"), chat("b"), reached=[1])
    assert isinstance(found[1], EngineError)
    assert "did not answer within 60 s (timeout_s)" in str(found[1])
    assert "It printed last:\n  stuck" in str(found[1])
    assert [each.text for each in found[::2] if isinstance(each, Sample)] == ["a", "b"]


@pytest.mark.nightly
def test_a_coroutine_that_blocks_its_loop_is_found_and_its_process_ended(tmp_path: Path) -> None:
    """It has time to show that it is not blocked, and what is asked until then ends with it."""
    code = """
    import threading
    async def answer(prompt):
        if prompt == "block": print("stuck"); threading.Event().wait()
        return prompt
    """
    application(tmp_path, code)
    engine = python(tmp_path)

    async def run() -> tuple[list[Any], str]:
        await engine.start()
        limits = Limits(engine)
        try:
            (pid,) = engine.pids
            blocked = asyncio.gather(engine.sample(chat("block"), [0]), return_exceptions=True)
            await limits.reach(0)
            await limits.reach(1)
            await until(lambda: not is_running(pid))
            (sample,) = await engine.sample(chat("b"), [0])
            return await blocked, sample.text
        finally:
            await engine.close()

    (blocked,), text = asyncio.run(run())
    assert "did not answer within" in str(blocked)
    assert text == "b"


def test_calls_that_were_under_way_when_a_process_ended_are_not_made_again(tmp_path: Path) -> None:
    code = """
    import asyncio, os
    all_called = asyncio.Barrier(3)
    async def answer(prompt):
        with open("calls", "a") as file: file.write(prompt)
        await all_called.wait()
        if prompt == "x": os._exit(4)
        await asyncio.Event().wait()
    """
    application(tmp_path, code)
    found = ask(python(tmp_path), chat("a"), chat("x"), chat("b"))
    assert all(isinstance(each, EngineError) for each in found)
    assert "ended with exit code 4." in str(found[0])
    assert "3 calls were under way in it" in str(found[0])
    assert sorted((tmp_path / "calls").read_text()) == ["a", "b", "x"]


def test_processes_that_all_end_are_given_up(tmp_path: Path) -> None:
    application(tmp_path, "import os\ndef answer(prompt): os._exit(4)")
    found = ask(python(tmp_path), *(chat(str(number)) for number in range(12)))
    assert [type(each) for each in found] == [FailedDrawError] * 10 + [UnreachableError] * 2
    assert "10 of its processes ended in a row" in str(found[-1])


def test_what_waits_for_its_turn_ends_when_it_is_held(tmp_path: Path) -> None:
    application(tmp_path, "def answer(prompt):\n  print('asked'); open('held').read()\n  return prompt")
    os.mkfifo(tmp_path / "held")
    engine = python(tmp_path)

    async def run() -> list[object]:
        await engine.start()
        try:
            asked = [asyncio.create_task(engine.sample(chat(str(number)), [0])) for number in range(3)]
            await until(lambda: engine.printed_lines)
            engine.hold(EngineError("the budget is spent"))
            (tmp_path / "held").write_text("")
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    first, *others = asyncio.run(run())
    assert isinstance(first, list)
    assert [str(each) for each in others] == ["the budget is spent"] * 2


def test_a_process_that_is_just_being_started_ends_with_the_rest(tmp_path: Path) -> None:
    application(tmp_path, "import os\ndef answer(prompt): os._exit(4)")
    engine = python(tmp_path)

    async def run() -> None:
        before = children(os.getpid())
        await engine.start()
        await asyncio.gather(engine.sample(chat("a"), [0]), return_exceptions=True)
        asked = asyncio.create_task(engine.sample(chat("b"), [0]))
        await until(lambda: children(os.getpid()) != before)
        await engine.close()
        assert children(os.getpid()) == before
        await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(run())
