"""Prompts that were not answered are told together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import TIMED_OUT, UsageError
from harness.models.version import load_version
from harness.records import NewSample, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.stages.distillation.answers import ask_teacher
from harness.store import Store, store_url
from tests.config.settings_files import load

pytestmark = pytest.mark.service


def answers(settings: Settings, *prompts: str) -> list[str]:
    """Ask the teacher so many prompts, as a build does; gives what it answered."""
    teacher = load_version(settings.version("wise"), settings.root)
    requests = [(prompt, teacher.chat(({"role": "user", "content": prompt},))) for prompt in prompts]
    return [sample.text for sample in asyncio.run(ask_teacher(settings, teacher, requests, lambda _: None))]


def test_prompts_without_an_answer_are_named_and_what_is_refused_whatever_is_asked_ends_soon(tmp_path: Path) -> None:
    settings = load(tmp_path, 'store = "s.db"\n[models.wise]\nengine = "scripted"\nanswers = { "q" = "a" }\n')
    message = r"100 of 900 prompts: 'p0', .* and 80 more\. 'p0': .* has no answer .* What was answered is stored"
    with pytest.raises(UsageError, match=message):
        answers(settings, *(f"p{number}" for number in range(900)))


APPLICATION = """
import pathlib

def answer(prompt):
    asked = pathlib.Path(__file__).with_name(".asked.log")
    before = asked.read_text() if asked.exists() else ""
    asked.write_text(before + prompt)
    if prompt in "bc" and prompt not in before:
        raise KeyError(prompt)
    return "yes"
"""


def test_another_build_asks_a_teacher_for_what_it_failed_at(tmp_path: Path) -> None:
    """A build infers nothing from how often it fails, so that no failure of it is kept."""
    (tmp_path / "bot.py").write_text(APPLICATION)
    table = '[models.wise]\nengine = "python"\ncall = "bot:answer"\nfiles = ["bot.py"]\n'
    settings = load(tmp_path, 'store = ".samples.db"\n' + table)
    with pytest.raises(UsageError, match="wise gave no answer to 2 of 4 prompts"):
        answers(settings, *"abcd")
    assert len(answers(settings, *"abcd")) == 4
    assert (tmp_path / ".asked.log").read_text() == "abcdbc"


@pytest.mark.parametrize("cause", ["KeyError", TIMED_OUT])
def test_what_the_store_keeps_as_a_failure_stays_one_and_a_build_has_an_answer_of_its_own(
    tmp_path: Path, cause: str
) -> None:
    (tmp_path / "bot.py").write_text(APPLICATION)
    table = '[models.wise]\nengine = "python"\ncall = "bot:answer"\nfiles = ["bot.py"]\n'
    settings = load(tmp_path, 'store = ".samples.db"\n' + table)
    teacher = load_version(settings.version("wise"), settings.root)
    request = teacher.chat(({"role": "user", "content": "a"},))
    key = KeyedQuestion(request_text(teacher.fingerprint, request)).key(0)
    failure = {"said": "v raised KeyError", "cause": cause, "request_index": 0}
    with Store.open(store_url(settings)) as store:
        store.add([NewSample(key, teacher.fingerprint, 0, request, Sample("", failure=failure))])
    for _ in range(2):
        assert answers(settings, "a") == ["yes"]
    assert (tmp_path / ".asked.log").read_text() == "a"
    with Store.open(store_url(settings)) as store:
        assert store.find([key])[key][0].failure == failure


def test_half_of_a_character_in_an_answer_is_given_as_none(tmp_path: Path, loopback: Any) -> None:
    """No file and no tokenizer takes it; the answer is stored as it came."""
    server = loopback(answers={"a": "one \ud83d two \N{LLAMA}", "b": "one \N{LLAMA}"})
    lines = "".join(f"{name} = {value!r}\n" for name, value in server.settings().items())
    settings = load(tmp_path, f'store = ".samples.db"\n[models.wise]\nengine = "openai"\n{lines}')
    for _ in range(2):
        assert answers(settings, "a", "b") == ["one \ufffd two \N{LLAMA}", "one \N{LLAMA}"]
    assert server.stats["requests"] == 2
