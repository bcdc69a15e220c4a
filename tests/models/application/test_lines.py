"""A program answers in lines, in any order where it names the question, and may print beside them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, UnreachableError
from harness.models.application.engine import command_engine
from tests.models.application.asking import answer, ask, chat, program

pytestmark = pytest.mark.whole

LATER = """
import json, sys
asked = [json.loads(sys.stdin.readline()) for _ in range(3)]
for one in reversed(asked):
    print("on my way", flush=True)
    print(json.dumps({"id": one["id"], "text": one["prompt"]}), flush=True)
sys.stdin.read()
"""


def test_answers_come_in_any_order(tmp_path: Path) -> None:
    found = ask(program(tmp_path, LATER, at_once=3), *(chat(text) for text in "abc"))
    assert [sample.text for sample in found] == ["a", "b", "c"]


def test_a_long_line_is_read_whole_and_the_last_one_needs_no_end(tmp_path: Path) -> None:
    code = "import json, sys\nsys.stdin.readline()\nsys.stdout.write(json.dumps({'text': 'x' * 5_000_000}))"
    assert len(answer(program(tmp_path, code), "Hi").text) == 5_000_000


def test_what_is_no_answer_is_taken_for_printed_and_shown_when_it_ends(tmp_path: Path) -> None:
    code = "import sys\nsys.stdin.readline()\nprint('[1]')\nprint('{\"id\": 99}')\nprint('Killed: no key')\nsys.exit(2)"
    with pytest.raises(EngineError, match=r"(?s)ended with exit code 2.*\[1\]\n  .*99.*\n  Killed: no key"):
        answer(program(tmp_path, code), "Hi")


def test_a_program_that_says_nothing_ends_at_its_time_limit(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"did not answer within 0.3 s"):
        answer(program(tmp_path, "import time; time.sleep(99)", timeout_s=0.3), "Hi")
    assert time.monotonic() - began < 5


def test_a_program_with_several_questions_that_says_nothing_is_ended_and_another_asked(tmp_path: Path) -> None:
    code = """
    import json, os, sys, time
    if not os.path.exists("began"):
        open("began", "w").close()
        time.sleep(99)
    for line in sys.stdin:
        print(json.dumps({"level": "info", "message": "asked"}))
        print(json.dumps({"id": json.loads(line)["id"], "text": "yes"}), flush=True)
    """
    engine = program(tmp_path, code, timeout_s=0.4, at_once=4)

    async def run() -> list[Any]:
        await engine.start()
        try:
            return [await asyncio.gather(engine.sample(chat("Hi"), [0]), return_exceptions=True) for _ in range(2)]
        finally:
            await engine.close()

    (first,), (second,) = asyncio.run(run())
    assert "did not answer within 0.4 s" in str(first)
    assert second[0].text == "yes"


def test_a_program_that_can_t_be_run_says_so(tmp_path: Path) -> None:
    engine = command_engine("command (bot)", {}, [str(tmp_path)], tmp_path)
    with pytest.raises(EngineError, match=r"could not start: .*Permission denied") as raised:
        answer(engine, "Hi")
    assert not isinstance(raised.value, UnreachableError)
