from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import TaskError
from harness.scoring.lm_eval import EvaluatedTask, Prompting, load_tasks
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, SUMS, write_task

PLAIN = Prompting()


def documents(
    folder: Path, config: Any = CHOICE, rows: Any = SUMS, prompting: Prompting = PLAIN, **more: Any
) -> EvaluatedTask:
    (task,) = load_tasks(str(write_task(folder, config, rows, **more)), [folder])
    return EvaluatedTask(task, prompting, {}, "here")


def test_a_document_without_an_id_is_known_by_its_number_and_a_hash_of_what_it_holds(tmp_path: Path) -> None:
    ids = [case.id for case in documents(tmp_path / "a").cases]
    again = [case.id for case in documents(tmp_path / "b").cases]
    changed = [case.id for case in documents(tmp_path / "c", rows=[{**SUMS[0], "answer": "3"}, *SUMS[1:]]).cases]
    assert ids == again
    assert ids[0].startswith("0-")
    assert ids[19].startswith("19-")
    assert changed[1:] == ids[1:]
    assert changed[0] != ids[0]


def test_documents_own_ids_are_kept_where_no_two_are_the_same(tmp_path: Path) -> None:
    rows = [{"id": number + 7, **row} for number, row in enumerate(SUMS)]
    assert [case.id for case in documents(tmp_path / "a", rows=rows).cases][:2] == ["7", "8"]
    twice = [{**row, "id": "same"} for row in SUMS]
    assert documents(tmp_path / "b", rows=twice).cases[0].id.startswith("0-")


def test_a_case_has_the_fields_of_its_document(tmp_path: Path) -> None:
    found = documents(tmp_path)
    assert found.cases[3].answer == SUMS[3]["answer"]


@pytest.mark.service
def test_examples_are_drawn_as_lm_eval_draws_them_whatever_was_drawn_before(tmp_path: Path) -> None:
    found = documents(tmp_path, prompting=Prompting(num_fewshot=2), fewshot_split="test")
    contexts = [instances[0].args[0] for instances in found.requests(None)]
    assert all(context.count("=") == 3 for context in contexts)
    assert len({context.rpartition("\n\n")[0] for context in contexts}) > 10
    again = documents(tmp_path, prompting=Prompting(num_fewshot=2), fewshot_split="test")
    again.requests("Add up.")
    assert [instances[0].args[0] for instances in again.requests(None)] == contexts


def test_the_versions_system_text_comes_first_as_lm_evals_system_instruction(tmp_path: Path) -> None:
    found = documents(tmp_path, description="Sums.\n")
    assert found.requests("Be brief.")[0][0].args[0] == "Be brief.\n\nSums.\n1 + 1 ="
    assert found.requests(None)[0][0].args[0] == "Sums.\n1 + 1 ="


@pytest.mark.service
def test_a_prompt_for_the_chat_template_is_the_list_of_its_messages(tmp_path: Path) -> None:
    chat = Prompting(apply_chat_template=True, num_fewshot=1)
    found = documents(tmp_path, GENERATED, prompting=chat, fewshot_split="test", gen_prefix="The sum is")
    messages = found.requests("Be brief.")[0][0].args[0]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[0]["content"] == "Be brief."
    assert messages[2]["content"].startswith("The sum is ")
    assert messages[-1] == {"role": "assistant", "content": "The sum is"}


def test_every_choice_is_a_request_of_its_own(tmp_path: Path) -> None:
    instances = documents(tmp_path).requests(None)[0]
    assert [instance.args for instance in instances] == [("1 + 1 =", f" {number}") for number in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"right": 4}, "the right answer 4 is neither one of"),
        ({"right": -1}, "the right answer -1 is neither one of"),
    ],
)
def test_a_right_answer_that_is_no_choice_is_refused_with_the_document(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError) as caught:
        documents(tmp_path, rows=[*SUMS[:3], {**SUMS[3], **row}])
    assert str(caught.value).startswith("here: task 'choice', document 3 ({'question': '1 + 4 ='")
    assert message in str(caught.value)


def test_a_template_that_fails_for_one_document_names_it(tmp_path: Path) -> None:
    rows = [*SUMS[:2], {**SUMS[2], "choices": None}]
    with pytest.raises(TaskError, match="document 2"):
        documents(tmp_path, rows=rows)


def test_no_documents_are_refused(tmp_path: Path) -> None:
    (task,) = load_tasks(str(write_task(tmp_path, CHOICE)), [tmp_path])
    task.dataset["test"] = task.dataset["test"].select([])
    with pytest.raises(TaskError, match="task 'choice' has no documents"):
        EvaluatedTask(task, Prompting(), {}, "here")


def test_examples_that_the_task_rules_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"num_fewshot = 2, but task 'choice' says num_fewshot: 0"):
        documents(tmp_path, prompting=Prompting(num_fewshot=2), num_fewshot=0)
