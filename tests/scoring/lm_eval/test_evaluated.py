from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TaskError
from harness.scoring.lm_eval import EvaluatedTask, Prompting, load_tasks
from harness.scoring.results import Reading
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, write_task
from tests.scoring.lm_eval.test_requests import Recorder

NUMBER = [
    {"name": "number", "filter": [{"function": "regex", "regex_pattern": r"(\d+)"}, {"function": "take_first"}]},
    {"name": "whole", "filter": [{"function": "take_first"}]},
]
VOTE = [{"name": "vote", "filter": [{"function": "majority_vote"}, {"function": "take_first"}]}]
SAMPLED = {"until": ["\n"], "do_sample": True, "temperature": 0.7}


class Answering(Recorder):
    """A model that gives these answers in turn, and holds choices the likelier the later they come."""

    def __init__(self, *answers: str, cut: int = 0, **sampling: Any) -> None:
        super().__init__(**sampling)
        self._answers = iter(answers)
        self._cut = cut

    async def _note(self, *asked: Any) -> Any:
        sample = await super()._note(*asked)
        text = next(self._answers) if asked[0] != "weigh" else ""
        return type(sample)(text, loglikelihood=float(len(self.asked)), is_greedy=True, cut_tokens=self._cut)


def evaluated(folder: Path, config: Any, wanted: Any = None, **more: Any) -> EvaluatedTask:
    (task,) = load_tasks(str(write_task(folder, config, **more)), [folder])
    return EvaluatedTask(task, Prompting(), wanted or {}, "here")


def readings(task: EvaluatedTask, model: Any) -> dict[str, Reading]:
    return asyncio.run(task.body(task.cases[0], model))


def test_the_choices_of_a_document_are_weighed_together_and_the_likeliest_is_the_reason(tmp_path: Path) -> None:
    model = Answering()
    found = readings(evaluated(tmp_path, CHOICE), model)
    assert [asked[:3] for asked in model.asked] == [("weigh", "1 + 1 =", f" {n}") for n in (2, 3, 4, 5)]
    assert (found["acc"].value, found["acc"].reason) == (0.0, "most likely: '5'")


def test_an_answer_goes_through_the_tasks_own_filters_and_what_they_made_of_it_is_the_reason(tmp_path: Path) -> None:
    task = evaluated(tmp_path, GENERATED, {"exact_match": None}, filter_list=NUMBER)
    found = readings(task, Answering("It is 2."))
    assert {name: reading.value for name, reading in found.items()} == {"exact_match,number": 1, "exact_match,whole": 0}
    assert found["exact_match,whole"].reason == "number: '2'"
    assert readings(task, Answering("2"))["exact_match,whole"].reason is None


def test_a_prompt_that_lost_its_beginning_says_so(tmp_path: Path) -> None:
    found = readings(evaluated(tmp_path, GENERATED), Answering("2", cut=1200))
    assert found["exact_match"].reason == "the prompt lost its first 1,200 tokens, which did not fit the model's window"


@pytest.mark.service
def test_a_task_draws_where_it_or_the_version_samples(tmp_path: Path) -> None:
    choice = evaluated(tmp_path / "a", CHOICE)
    greedy = evaluated(tmp_path / "b", GENERATED)
    silent = evaluated(tmp_path / "c", GENERATED, generation_kwargs=None)
    sampled = evaluated(tmp_path / "d", GENERATED, generation_kwargs=SAMPLED)
    hot: dict[str, Any] = {"temperature": 0.7}
    assert [task.draws({}) for task in (choice, greedy, silent, sampled)] == [False, False, False, True]
    assert [task.draws(hot) for task in (choice, greedy, silent, sampled)] == [False, False, True, True]


@pytest.mark.service
def test_repeats_are_samples_unless_the_filters_take_them_together(tmp_path: Path) -> None:
    plain = evaluated(tmp_path / "a", GENERATED, generation_kwargs=SAMPLED, repeats=3)
    vote = evaluated(tmp_path / "b", GENERATED, generation_kwargs=SAMPLED, repeats=3, filter_list=VOTE)
    assert (plain.repeats, vote.repeats) == (3, None)
    assert readings(plain, Answering("2"))["exact_match"].value == 1
    model = Answering("2", "3", "2")
    assert readings(vote, model)["exact_match"].value == 1
    assert len(model.asked) == 3
    assert readings(vote, Answering("3", "3", "2"))["exact_match"].value == 0


def test_where_every_draw_is_the_same_filters_get_one_answer_as_often_as_they_want(tmp_path: Path) -> None:
    model = Answering("2")
    task = evaluated(tmp_path, GENERATED, repeats=3, filter_list=VOTE)
    assert readings(task, model)["exact_match"].value == 1
    assert len(model.asked) == 1


def test_each_version_is_asked_with_its_own_system_text(tmp_path: Path) -> None:
    task, model = evaluated(tmp_path, GENERATED), Answering("2")
    model.system = "Be brief."  # type: ignore[assignment]
    readings(task, model)
    assert model.asked[0][1] == "Be brief.1 + 1 ="


def test_a_parameter_that_no_engine_has_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="num_beams"):
        evaluated(tmp_path, GENERATED, generation_kwargs={"num_beams": 2})
