"""Writes small tasks with data of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SUMS: list[dict[str, Any]] = [
    {
        "question": f"{a} + {b} =",
        "answer": str(a + b),
        "choices": [str(a + b + shift) for shift in (0, 1, 2, 3)],
        "right": 0,
        "text": f"The sum of {a} and {b} is {a + b}, which is {'even' if (a + b) % 2 == 0 else 'odd'}." + " again" * a,
    }
    for a in range(1, 6)
    for b in range(1, 5)
]
"""20 documents, no two the same."""

CHOICE: dict[str, Any] = {
    "task": "choice",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "choices",
    "doc_to_target": "right",
    "metric_list": [
        {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm", "exact_match")
    ],
}
GENERATED: dict[str, Any] = {
    "task": "generated",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
ROLLING: dict[str, Any] = {
    "task": "rolling",
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{text}}",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
}


def write_task(
    folder: Path, config: Mapping[str, Any], documents: Sequence[Mapping[str, Any]] = SUMS, **more: Any
) -> Path:
    """Write a task file and its data beside it; gives the task file.

    Args:
        more: keys laid over those of the config; None leaves one out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {**config, **more}
    name = content["task"]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
    content = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        **content,
    }
    path = folder / f"{name}.yaml"
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return path
