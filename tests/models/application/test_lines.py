"""A program answers in lines, in any order where it names the question, and may print beside them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, FailedDrawError, UnreachableError
from harness.models.application.engine import ApplicationEngine
from tests.models.application.asking import Limits, answer, application, chat, command, program


def test_a_long_line_is_read_whole_and_the_last_one_needs_no_end(tmp_path: Path) -> None:
    code = "import json, sys\nsys.stdin.readline()\nsys.stdout.write(json.dumps({'id': 0, 'text': 'x' * 5_000_000}))"
    assert len(answer(program(tmp_path, code), "Hi").text) == 5_000_000


def test_an_error_of_null_is_none(tmp_path: Path) -> None:
    code = """import sys\nsys.stdin.readline()\nprint('{"id": 0, "text": "Hello", "error": null}')"""
    assert answer(program(tmp_path, code), "Hi").text == "Hello"


DRAFTS = """
import json, sys
for line in sys.stdin:
    one = json.loads(line)
    print(json.dumps({"text": "draft for " + one["prompt"]}))
    print(json.dumps({**ID, "text": "final for " + one["prompt"]}), flush=True)
"""


def one_by_one(engine: ApplicationEngine, *texts: str) -> list[Any]:
    """What comes of questions, each asked when the one before has its answer."""

    async def run() -> list[Any]:
        await engine.start()
        try:
            return [(await asyncio.gather(engine.sample(chat(text), [0]), return_exceptions=True))[0] for text in texts]
        finally:
            await engine.close()

    return asyncio.run(run())


def test_of_two_answers_without_an_id_none_is_taken_for_that_to_another_question(tmp_path: Path) -> None:
    found = one_by_one(program(tmp_path, DRAFTS.replace("**ID, ", "")), "a", "b", "c")
    assert [type(each) for each in found] == [FailedDrawError] * 3
    assert "answered without the id of a question: {'text': 'draft for a'}. Give each answer" in str(found[0])
    assert {each.cause for each in found} == {"an answer without an id"}


def test_once_it_names_questions_what_has_no_id_is_printed(tmp_path: Path) -> None:
    engine = program(tmp_path, DRAFTS.replace("**ID", '"id": one["id"]'))
    first, *others = one_by_one(engine, "a", "b", "c")
    assert "answered without the id of a question" in str(first)
    assert [each[0].text for each in others] == ["final for b", "final for c"]


def test_an_id_may_be_the_text_of_the_number_and_nothing_else(tmp_path: Path) -> None:
    code = "import json, sys\nasked = json.loads(sys.stdin.readline())['prompt']\n"
    code += "print(json.dumps({'id': asked, 'text': asked}), flush=True)\nsys.stdin.read()"
    assert answer(program(tmp_path, code), "0").text == "0"
    with pytest.raises(EngineError) as raised:
        answer(program(tmp_path, code), "a")
    assert "answered without the id of a question: {'id': 'a', 'text': 'a'}. Give each" in str(raised.value)


def test_what_is_no_answer_is_taken_for_printed_and_shown_when_it_ends(tmp_path: Path) -> None:
    code = "import sys\nsys.stdin.readline()\nprint('[1]')\nprint('{\"id\": 99}')\nprint('Killed: no key')\nsys.exit(2)"
    with pytest.raises(EngineError, match=r"(?s)ended with exit code 2.*\[1\]\n  .*99.*\n  Killed: no key"):
        answer(program(tmp_path, code), "Hi")


@pytest.mark.nightly
def test_a_program_that_says_nothing_ends_at_its_time_limit(tmp_path: Path) -> None:
    """It ends with the likely reason, and the others are not asked, each for as long."""
    first, *others = one_by_one(program(tmp_path, "input(); input()", timeout_s=0.5), *map(str, range(12)))
    assert "did not answer within 0.5 s (timeout_s). It wrote no line: its output may be buffered. Flush" in str(first)
    assert {type(each) for each in others} == {UnreachableError}
    assert {str(each) for each in others} == {str(first)}
    assert "before the command). Or it needs longer: raise timeout_s." in str(first)


@pytest.mark.service
def test_a_program_that_ends_without_a_word_is_told_of_buffers(tmp_path: Path) -> None:
    found = one_by_one(program(tmp_path, "import os, sys; sys.stdin.readline(); os._exit(0)"), *map(str, range(11)))
    assert "10 of its processes ended in a row, and none has answered. It wrote no line" in str(found[-1])


@pytest.mark.nightly
def test_a_program_with_several_questions_that_says_nothing_is_ended_and_another_asked(tmp_path: Path) -> None:
    code = """
    if [ ! -e began ]; then touch began; echo loading; exec sleep infinity; fi
    while read -r line; do
        number=${line#*:}
        echo '{"level": "info", "message": "asked"}'
        echo "{\\"id\\": ${number%%,*}, \\"text\\": \\"yes\\"}"
    done
    """
    engine = command(tmp_path, ["sh", "-c", code])

    async def run() -> list[Any]:
        await engine.start()
        limits = Limits(engine)
        try:
            first = asyncio.gather(engine.sample(chat("Hi"), [0]), return_exceptions=True)
            await limits.reach(0)
            return [*await first, *await engine.sample(chat("Hi"), [0])]
        finally:
            await engine.close()

    first, second = asyncio.run(run())
    assert "did not answer within" in str(first)
    assert second.text == "yes"


def test_a_program_that_can_t_be_run_says_so(tmp_path: Path) -> None:
    application(tmp_path, "#!/nowhere/interpreter", "bot").joinpath("bot").chmod(0o755)
    with pytest.raises(EngineError, match=r"could not start: .*No such file") as raised:
        answer(command(tmp_path, ["./bot"]), "Hi")
    assert not isinstance(raised.value, UnreachableError)
