from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.errors import TaskError, install
from harness.scoring.lm_eval import load_tasks
from tests.scoring.lm_eval.task_files import CHOICE, GENERATED, SUMS, write_task

ROOT = Path(__file__).parents[3]


def names(source: str, *folders: Path) -> list[str]:
    return [task.task_name for task in load_tasks(source, folders)]


def test_a_file_is_one_task(tmp_path: Path) -> None:
    write_task(tmp_path / "evals", CHOICE)
    assert names("evals/choice.yaml", tmp_path) == ["choice"]


def test_a_name_is_looked_up_in_the_projects_own_files_first(tmp_path: Path) -> None:
    write_task(tmp_path / "evals" / "deep" / "er", CHOICE)
    assert names("choice", tmp_path) == ["choice"]


def test_a_group_is_its_tasks_and_what_it_says_of_them_holds(tmp_path: Path) -> None:
    write_task(tmp_path, CHOICE)
    write_task(tmp_path, GENERATED)
    group = {"group": "both", "task": ["choice", {"task": "generated", "num_fewshot": 2}]}
    (tmp_path / "group.yaml").write_text(yaml.safe_dump(group))
    tasks = load_tasks("group.yaml", [tmp_path])
    assert [(task.task_name, task.config.num_fewshot) for task in tasks] == [("choice", None), ("generated", 2)]


def test_a_mistake_in_a_task_of_a_group_is_told(tmp_path: Path) -> None:
    write_task(tmp_path, CHOICE, doc_to_txt="x")
    (tmp_path / "group.yaml").write_text(yaml.safe_dump({"group": "one", "task": ["choice"]}))
    with pytest.raises(TaskError, match=r"group\.yaml: lm-eval can't load it: .*'doc_to_txt'"):
        load_tasks("group.yaml", [tmp_path])


@pytest.mark.parametrize("data", ["evals/choice.jsonl", "choice.jsonl", "evals/ch*.jsonl"])
def test_paths_of_data_start_from_the_project_or_from_the_task_file(tmp_path: Path, data: str) -> None:
    write_task(tmp_path / "evals", CHOICE, dataset_kwargs={"data_files": {"test": data}})
    assert names("evals/choice.yaml", tmp_path, tmp_path / "elsewhere") == ["choice"]


def test_missing_data_is_refused_with_its_path(tmp_path: Path) -> None:
    write_task(tmp_path, CHOICE, dataset_kwargs={"data_files": {"test": "nowhere.jsonl"}})
    with pytest.raises(TaskError) as caught:
        load_tasks("choice.yaml", [tmp_path])
    assert f"{tmp_path / 'choice.yaml'}: lm-eval can't load it" in str(caught.value)
    assert f"{tmp_path / 'nowhere.jsonl'}" in str(caught.value)
    assert "paths of data start from the project's folder" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"doc_to_text": "{{quesion}}"}, "UndefinedError: 'quesion' is undefined"),
        ({"doc_to_text": "{{question"}, "TemplateSyntaxError"),
        ({"test_split": "tests"}, "KeyError: 'tests'; a split or a field of that name is not in the data"),
        ({"test_split": None}, "must have valid or test docs"),
        ({"doc_to_txt": "x"}, "'doc_to_txt'"),
        ({"output_type": "choice"}, "invalid output_type 'choice', must be in 'loglikelihood,"),
        ({"filter_list": [{"name": "a", "filter": [{"function": "take_frist"}]}]}, "Did you mean: take_first"),
    ],
)
def test_what_lm_eval_rejects_is_told_with_the_file_and_its_reason(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    path = write_task(tmp_path, CHOICE, **config)
    with pytest.raises(TaskError) as caught:
        load_tasks(str(path), [tmp_path])
    assert str(caught.value).startswith(f"{path}: lm-eval can't load it: ")
    assert message in str(caught.value)


def test_a_malformed_line_of_data_is_told(tmp_path: Path) -> None:
    path = write_task(tmp_path, CHOICE)
    (tmp_path / "choice.jsonl").write_text('{"question": "1 + 1 ="}\n{"question": \n')
    with pytest.raises(TaskError, match="JSON parse error"):
        load_tasks(str(path), [tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: x\nmetric_list: [\n", "line 3, column 1"),
        ("just a text\n", "Expected YAML dict"),
        ("include: other.yaml\ntask: x\n", "No such file"),
        ("dataset_path: json\n", r"keys=\['dataset_path'\]"),
        ("task: x\n", r"task 'x' has no dataset_path: write `dataset_path: json` with"),
        ("task: [a, b]\n", r"task = \['a', 'b'\] is no name; a list of tasks needs `group:`"),
    ],
)
def test_what_is_no_task_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(TaskError, match=message):
        load_tasks("task.yaml", [tmp_path])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "acccc"}, "No metric named 'acccc'"),
        (
            {"metric": "acccc", "aggregation": "mean"},
            "No metric named 'acccc'. Metrics: acc, .*write `hf_evaluate: true`",
        ),
        ({"metric": "acc", "aggregation": "meen"}, "No aggregation named 'meen'. .*Did you mean 'mean'?"),
    ],
)
def test_a_metric_that_lm_eval_would_leave_out_is_refused(tmp_path: Path, entry: dict[str, str], message: str) -> None:
    write_task(tmp_path, CHOICE, metric_list=[entry])
    with pytest.raises(TaskError, match=message):
        load_tasks("choice.yaml", [tmp_path])


@pytest.mark.parametrize("how", ["choice.yaml", "choice", "group.yaml", "tagged"])
def test_a_mistyped_metric_is_not_looked_up_in_the_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("evaluate.load", lambda name, **_: asked.append(name))
    write_task(tmp_path / "evals", CHOICE, metric_list=[{"metric": "acccc"}], tag="tagged")
    (tmp_path / "evals" / "group.yaml").write_text(yaml.safe_dump({"group": "one", "task": ["choice"]}))
    with pytest.raises(TaskError, match="task 'choice': No metric named 'acccc'"):
        load_tasks(f"evals/{how}" if how.endswith("yaml") else how, [tmp_path])
    assert asked == []


def test_a_metric_of_the_task_itself_is_left_to_lm_eval(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def score(doc, results):\n    return {'own': 1.0}\n")
    path = write_task(tmp_path, GENERATED, metric_list=[{"metric": "own", "aggregation": "mean"}])
    path.write_text(path.read_text() + "process_results: !function functions.score\n")
    assert names(str(path), tmp_path) == ["generated"]


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
    ("more", "message"),
    [({"unsafe_code": True}, "runs what a model writes"), ({"doc_to_image": "text"}, "shows images or sounds")],
)
def test_tasks_that_run_code_or_show_images_are_refused(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    path = write_task(tmp_path, GENERATED, **more)
    with pytest.raises(TaskError, match=message):
        load_tasks(str(path), [tmp_path])


def test_random_numbers_are_lm_evals_own_while_it_loads_and_ours_afterwards(tmp_path: Path) -> None:
    functions = "import random\n\n\ndef shuffled(docs):\n    return docs.select(random.sample(range(len(docs)), 5))\n"
    (tmp_path / "functions.py").write_text(functions)
    path = write_task(tmp_path, CHOICE)
    path.write_text(path.read_text() + "process_docs: !function functions.shuffled\n")
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first, second = (load_tasks(str(path), [tmp_path])[0] for _ in range(2))
    assert (random.random(), np.random.random()) == expected
    assert list(first.task_docs) == list(second.task_docs)
    assert list(first.task_docs) != SUMS[:5]


@pytest.mark.nightly
def test_an_unknown_name_is_told_with_the_nearest_of_lm_evals_own(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        load_tasks("arc_eazy", [tmp_path])
    said = str(caught.value)
    assert said.startswith(f"No task named 'arc_eazy' in {tmp_path / 'evals'} or among the ")
    assert "Did you mean one of 'arc_easy'" in said


def run_apart(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has nothing of this one's environment."""
    python_path = f"{environment.pop('path', '')}:{ROOT}"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "", "PYTHONPATH": python_path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.nightly
def test_nothing_is_looked_up_in_the_net_for_a_task_with_local_data(tmp_path: Path) -> None:
    path = write_task(tmp_path, CHOICE)
    code = f"""
import json, sys
asked = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked.append(str(arguments))
sys.addaudithook(hook)
from pathlib import Path
from harness.scoring.lm_eval import EvaluatedTask, Prompting, load_tasks
(task,) = load_tasks({str(path)!r}, [Path({str(tmp_path)!r})])
evaluated = EvaluatedTask(task, Prompting(), {{}}, "here")
print(json.dumps([len(evaluated.cases), asked, "torch" in sys.modules]))
"""
    done = run_apart(code, HF_HOME=str(tmp_path / "cache"))
    assert json.loads(done.stdout.splitlines()[-1]) == [len(SUMS), [], False]


@pytest.mark.service
def test_without_lm_eval_the_package_to_install_is_told(tmp_path: Path) -> None:
    (tmp_path / "lm_eval.py").write_text("raise ImportError('No module named lm_eval')\n")
    code = """
from pathlib import Path
from harness.errors import TaskError
from harness.scoring.lm_eval import load_tasks
try:
    load_tasks("x.yaml", [Path(".")])
except TaskError as error:
    print(error)
"""
    told = run_apart(code, path=str(tmp_path)).stdout
    assert f"Task 'x.yaml': tasks of lm-eval need it: {install('lm-eval')}" in told
