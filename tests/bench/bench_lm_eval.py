"""A task of 1,000 documents through the plugin, against `lm_eval.simple_evaluate` on the same weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.process import alternate, pytest_command
from tests.bench.sampling import Figure
from tests.models.conftest import write_tiny_llama

DOCUMENTS = 1000
_TASK = """task: bench
dataset_path: json
dataset_kwargs:
  data_files:
    test: documents.jsonl
test_split: test
output_type: {output_type}
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: {choices}
doc_to_target: answer
{rest}metric_list:
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
"""
_KINDS = {
    "multiple choice": _TASK.format(output_type="multiple_choice", choices="choices", metric="acc", rest=""),
    "generation": _TASK.format(
        output_type="generate_until",
        choices="choices",
        metric="exact_match",
        rest='generation_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 16\n  do_sample: false\n',
    ),
}
_SETTINGS = """[models.bench]
engine = "transformers"
weights = "weights"
dtype = "float32"
batch_size = {batch_size}
"""
_SUITE = """import pytest


@pytest.mark.evaluation(task="task.yaml", design="fixed")
def test_bench(): ...
"""
_LM_EVAL = """from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

model = HFLM(pretrained="weights", dtype="float32", device="cpu", batch_size={batch_size})
tasks = TaskManager(include_defaults=False)
found = simple_evaluate(model=model, tasks=["task.yaml"], task_manager=tasks, bootstrap_iters=0)
print(found["results"]["bench"])
"""
_BATCH_SIZE = 16


def against_lm_eval(folder: Path, repeats: int) -> list[Figure]:
    """Whole processes, from start to exit, in turn."""
    write_tiny_llama(folder / "weights")
    return [_figure(kind, task, folder / kind.replace(" ", "-"), repeats) for kind, task in _KINDS.items()]


def _figure(kind: str, task: str, place: Path, repeats: int) -> Figure:
    place.mkdir()
    (place / "weights").symlink_to(place.parent / "weights")
    (place / "task.yaml").write_text(task)
    (place / "documents.jsonl").write_text("".join(f"{json.dumps(_document(number))}\n" for number in range(DOCUMENTS)))
    (place / "steelyard.toml").write_text(_SETTINGS.format(batch_size=_BATCH_SIZE))
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "test_bench.py").write_text(_SUITE)
    (place / "alone.py").write_text(_LM_EVAL.format(batch_size=_BATCH_SIZE))
    ours, theirs = alternate(repeats, (pytest_command(), place), ((sys.executable, "alone.py"), place))
    ratio = ours.wall_s / theirs.wall_s
    beside = f"{ours.wall_s:.1f} s against {theirs.wall_s:.1f} s; CPU {ours.cpu_s:.1f} s against {theirs.cpu_s:.1f} s"
    name = f"lm-eval task of {DOCUMENTS:,} documents ({kind}) through pytest, against simple_evaluate, transformers"
    return Figure(name, ratio, "×", "≤ 1.2 ×", ratio <= 1.2, beside)


def _document(number: int) -> dict[str, object]:
    """A document whose prompt is some hundred tokens of the small model long."""
    words = " ".join(f"part {number * part % 97}" for part in range(3, 9))
    return {
        "question": f"Which number comes after {number} in the list of {words}?",
        "choices": [str(number + step) for step in (1, 2, 10, 11)],
        "answer": 0,
    }
