from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TaskError
from harness.records import Sample
from harness.scoring.lm_eval import EvaluatedTask, Prompting
from harness.scoring.lm_eval.evaluated import InstanceAnswer, ask, sampling_of
from harness.scoring.lm_eval.tasks import load_tasks
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, ROLLING, write_task

PLAIN = Prompting()


class Recorder:
    """A model that writes down what it is asked."""

    system = None

    def __init__(self, **sampling: Any) -> None:
        self.sampling = sampling
        self.asked: list[tuple[Any, ...]] = []

    async def _note(self, *asked: Any) -> Sample:
        self.asked.append(asked)
        return Sample("answer", loglikelihood=-1.5, is_greedy=False, cut_tokens=3)

    def chat(self, messages: Any, **sampling: Any) -> Any:
        return self._note("chat", messages, sampling)

    def complete(self, prompt: Any, *, truncate: bool = False, **sampling: Any) -> Any:
        return self._note("complete", prompt, sampling, truncate)

    def weigh(self, prompt: Any, continuation: str, *, truncate: bool = False) -> Any:
        return self._note("weigh", prompt, continuation, truncate)

    async def _rolling(self, text: str) -> float:
        return (await self._note("rolling", text)).loglikelihood or 0.0


@pytest.mark.parametrize(
    ("stated", "version", "expected"),
    [
        ({}, {}, {"temperature": 0.0, "max_tokens": 256}),
        ({}, {"temperature": 0.7, "max_tokens": 16}, {"temperature": 0.7, "max_tokens": 16}),
        ({"do_sample": False}, {"temperature": 0.7}, {"temperature": 0.0, "max_tokens": 256}),
        ({"temperature": 0.0}, {"temperature": 0.7}, {"temperature": 0.0, "max_tokens": 256}),
        ({"do_sample": True}, {}, {"temperature": 1.0, "max_tokens": 256}),
        ({"do_sample": True}, {"temperature": 0.7}, {"temperature": 0.7, "max_tokens": 256}),
        (
            {"do_sample": True, "temperature": 0.2, "top_p": 0.9},
            {},
            {"temperature": 0.2, "max_tokens": 256, "top_p": 0.9},
        ),
        ({"max_gen_toks": 8, "max_tokens": 9}, {"max_tokens": 16}, {"temperature": 0.0, "max_tokens": 8}),
        ({"max_new_tokens": 9, "seed": None}, {}, {"temperature": 0.0, "max_tokens": 9}),
        ({"until": "\n"}, {}, {"stop": ["\n"], "temperature": 0.0, "max_tokens": 256}),
        ({"until": ["", "a", "b"]}, {}, {"stop": ["a", "b"], "temperature": 0.0, "max_tokens": 256}),
    ],
)
def test_what_the_task_states_wins_then_the_version_then_lm_evals_greedy_default(
    stated: dict[str, Any], version: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert sampling_of(stated, version) == expected


def first(folder: Path, config: Any, prompting: Prompting = PLAIN, **more: Any) -> tuple[Any, Any]:
    (task,) = load_tasks(str(write_task(folder, config, **more)), [folder])
    return task, EvaluatedTask(task, prompting, {}, "here").requests(None)[0][0]


def test_what_lm_eval_fills_in_is_not_what_the_task_states(tmp_path: Path) -> None:
    task, instance = first(tmp_path, GENERATED, generation_kwargs=None)
    assert instance.args[1]["temperature"] == 0
    assert sampling_of(instance.args[1], {"temperature": 0.7, "max_tokens": 9}, task.config.fewshot_delimiter) == {
        "stop": ["\n\n"],
        "temperature": 0.7,
        "max_tokens": 9,
    }


def test_text_is_completed_and_loses_its_beginning_where_it_is_too_long(tmp_path: Path) -> None:
    model = Recorder(top_p=0.5)
    answered = asyncio.run(ask(model, *first(tmp_path, GENERATED), 1))
    expected = {"stop": ["\n"], "temperature": 0.0, "max_tokens": 8}
    assert model.asked == [("complete", "1 + 1 =", expected, True)]
    assert answered == InstanceAnswer(["answer"], 3)


def test_as_many_answers_as_wanted_are_asked_for_together(tmp_path: Path) -> None:
    model = Recorder()
    assert asyncio.run(ask(model, *first(tmp_path, GENERATED), 3)).responses == ["answer"] * 3
    assert len(model.asked) == 3


@pytest.mark.parametrize(("prefix", "how"), [(None, "chat"), ("It is", "complete")])
def test_messages_are_chat_unless_the_last_one_is_to_be_continued(tmp_path: Path, prefix: str | None, how: str) -> None:
    model = Recorder()
    asyncio.run(ask(model, *first(tmp_path, GENERATED, Prompting(apply_chat_template=True), gen_prefix=prefix), 1))
    assert model.asked[0][0] == how
    assert model.asked[0][1][0] == {"role": "user", "content": "1 + 1 ="}


def test_choices_are_weighed(tmp_path: Path) -> None:
    model = Recorder()
    answered = asyncio.run(ask(model, *first(tmp_path, CHOICE), 5))
    assert model.asked == [("weigh", "1 + 1 =", " 2", True)]
    assert answered == InstanceAnswer([(-1.5, False)], 3)


def test_whole_texts_are_weighed_from_their_first_token(tmp_path: Path) -> None:
    model = Recorder()
    assert asyncio.run(ask(model, *first(tmp_path, ROLLING), 1)) == InstanceAnswer([-1.5])
    assert model.asked == [("rolling", "The sum of 1 and 1 is 2, which is even. again")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_beams": 4}, "No setting named 'num_beams'"), ({"temperature": -1, "do_sample": True}, "temperature = -1")],
)
def test_parameters_that_no_engine_has_are_refused_with_the_task(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=f"here: task 'generated': generation_kwargs, sampling: {message}"):
        first(tmp_path, GENERATED, generation_kwargs={"until": ["\n"], **arguments})
