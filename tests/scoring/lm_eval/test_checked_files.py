from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import TaskError
from harness.scoring.lm_eval.tasks import check_task, load_tasks, read_file
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, write_task

TASK = """task: sums
dataset_path: json
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
metric_list:
  - metric: acc
    aggregation: mean
filter_list:
  - name: first
    filter:
      - function: take_first
"""


def test_the_first_folder_that_has_the_file_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_task(tmp_path / name, {**CHOICE, "test_split": f"no-{name}"})
    for source, folders in (("choice.yaml", "ba"), (str(tmp_path / "b" / "choice.yaml"), "a")):
        with pytest.raises(TaskError, match="no-b"):
            load_tasks(source, [tmp_path / each for each in folders])


def test_a_missing_file_names_those_beside_it(tmp_path: Path) -> None:
    write_task(tmp_path / "evals", CHOICE)
    with pytest.raises(TaskError, match=r"no task file 'evals/choise.yaml'\..*choice.yaml"):
        load_tasks("evals/choise.yaml", [tmp_path])
    with pytest.raises(TaskError, match="There is no task file 'evals/task'"):
        load_tasks("evals/task", [tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: x\nmetric_list: [\n", "line 3: not valid YAML"),
        ("just a text\n", "can't be read as a task: Expected YAML dict"),
        ("include: other.yaml\ntask: x\n", r"can't be read as a task: .*No such file"),
        ("dataset_path: json\n", r"has no `task:`, which names a task. Its keys: dataset_path\."),
    ],
)
def test_what_is_no_task_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    with pytest.raises(TaskError, match=message):
        read_file(path)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message", "way_out"),
    [
        ("doc_to_text", "doc_to_txt", 5, "No key named 'doc_to_txt'. Keys: class, ", "Did you mean 'doc_to_text'?"),
        ("task: sums", "task: [a, b]", 1, "task = ['a', 'b'] is no name; ", "a list of tasks needs `group:`."),
        ("multiple_choice", "choice", 4, "No output_type named 'choice'. ", "generate_until, "),
        ("metric: acc", "metric: acccc", 7, "No metric named 'acccc'. Metrics: acc, ", "write `hf_evaluate: true`"),
        ("mean", "meen", 8, "No aggregation named 'meen'. ", "Did you mean 'mean'?"),
        ("take_first", "take_frist", 12, "No function named 'take_frist'. ", "Did you mean 'take_first'?"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_the_way_out(
    tmp_path: Path, right: str, wrong: str, line: int, message: str, way_out: str
) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(TASK)
    check_task(read_file(path), path)
    path.write_text(TASK.replace(right, wrong))
    with pytest.raises(TaskError) as caught:
        check_task(read_file(path), path)
    assert str(caught.value).startswith(f"{path}, line {line}: {message}")
    assert way_out in str(caught.value)


def test_a_task_without_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(TASK.replace("dataset_path: json\n", ""))
    with pytest.raises(TaskError, match=r"task\.yaml has no dataset_path: write `dataset_path: json`"):
        check_task(read_file(path), path)


def test_the_line_is_left_out_where_an_included_file_has_the_mistake(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TASK.replace("doc_to_text", "doc_to_txt"))
    path = tmp_path / "task.yaml"
    path.write_text("include: base.yaml\ntask: other\n")
    with pytest.raises(TaskError, match=r"task\.yaml: No key named 'doc_to_txt'"):
        check_task(read_file(path), path)


def test_a_metric_of_another_library_or_of_the_task_itself_is_left_to_lm_eval(tmp_path: Path) -> None:
    for more in (
        {"metric_list": [{"metric": "rouge", "hf_evaluate": True}]},
        {"metric_list": [{"metric": "own"}], "process_results": "functions.score"},
    ):
        path = write_task(tmp_path, GENERATED, **more)
        check_task(read_file(path), path)
