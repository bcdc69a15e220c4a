"""Tiny students of a tiny teacher, and controls that saw as many tokens: how far each is from the teacher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.customization import DistilledSettings
from harness.models.files.content_hash import file_hash
from harness.models.weights.layers import drop_layers
from harness.stages.foundation.comparer import Comparer
from harness.stages.training.students import train_student
from harness.stages.training.texts import TrainingData
from harness.stages.training.training_worker import TrainingRequest
from harness.statistics.intervals.signed_ranks import signed_rank_contrast
from tests.bench.sampling import ROOT
from tests.models.conftest import write_tiny_llama

LESSONS = ROOT / "evals" / "distillation" / "lessons" / "lessons.jsonl"
HELD_OUT = ROOT / "evals" / "foundation" / "prose" / "documents.jsonl"
SOFT = "soft targets"
CONTROLS = {"hard labels": {"hard_weight": 1.0}, "a shuffled teacher": {"shuffled": True}}
NOTHING = "no distillation"
LENGTH, BATCH, RATE = 64, 16, 3e-3
LAYERS, _DROPPED = 4, 2


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is trained.

    Attributes:
        seeds: pairs of students.
        taught: steps of the teacher.
        steps: of each student.
        held_out: texts on which the divergence is measured.
    """

    seeds: int = 6
    taught: int = 300
    steps: int = 60
    held_out: int = 8


def divergences(folder: Path, sizes: Sizes, workers: Executor | None = None) -> dict[str, list[float]]:
    """KL(teacher || student) on held-out text in nats a token, of each way to be taught, one for each seed."""
    one = partial(divergences_of_seed, folder, sizes)
    seeds = range(sizes.seeds)
    found = list(map(one, seeds) if workers is None else workers.map(one, seeds))
    return {name: [each[name] for each in found] for name in found[0]}


def divergences_of_seed(folder: Path, sizes: Sizes, seed: int) -> dict[str, float]:
    """Those of one seed, which has a teacher of its own.

    Its students start as the teacher without one of its layers, and see the same texts in the same order.
    """
    here = folder / str(seed)
    texts = [json.loads(line)["text"] for line in HELD_OUT.read_text(encoding="utf-8").splitlines()[: sizes.held_out]]
    teacher, start, data = new_teacher(here, seed, sizes.taught)
    found = {NOTHING: divergence(teacher, start, texts)}
    for name, settings in ((SOFT, {}), *CONTROLS.items()):
        student = here / name.replace(" ", "-")
        how: dict[str, Any] = {**_how(sizes.steps, 100 + seed, RATE / 3), **settings}
        _train(start, student, data, DistilledSettings("teacher", "", **how), teacher)
        found[name] = divergence(teacher, student, texts)
    return found


def new_teacher(folder: Path, seed: int, steps: int) -> tuple[Path, Path, TrainingData]:
    """A small model that was taught so many steps on the passages, the same without one of its layers, and these."""
    data = prose(folder)
    teacher, start = folder / "teacher", folder / "start"
    teach(new_model(folder / "blank", seed), teacher, data, seed, steps)
    start.mkdir()
    drop_layers(teacher, start, [_DROPPED])
    return teacher, start, data


def teach(start: Path, out: Path, data: TrainingData, seed: int, steps: int) -> None:
    """Train a model on texts, without a teacher."""
    _train(start, out, data, DistilledSettings("", "", hard_weight=1.0, **_how(steps, seed, RATE)))


def comparisons(found: dict[str, list[float]]) -> Iterator[tuple[str, float, float]]:
    """Each control with how much nearer soft targets are to the teacher, in nats a token, and the p-value of that.

    By signed ranks: exact for so few.
    """
    for control in (NOTHING, *CONTROLS):
        nearer = np.array(found[control]) - np.array(found[SOFT])
        yield control, float(nearer.mean()), signed_rank_contrast(-nearer).p_less


def prose(folder: Path) -> TrainingData:
    """The passages among the lessons of the project."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prose.jsonl"
    lessons = [json.loads(line) for line in LESSONS.read_text(encoding="utf-8").splitlines()]
    texts = [each for each in lessons if "text" in each and not each["id"].startswith("sums-")]
    path.write_text("".join(json.dumps(each) + "\n" for each in texts), encoding="utf-8")
    return TrainingData("prose", path, file_hash(path), is_corpus=False)


def new_model(folder: Path, seed: int, layers: int = LAYERS) -> Path:
    """A small Llama that knows nothing, whose tokens are bytes."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    write_tiny_llama(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(str(folder))),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=True,
        initializer_range=0.05,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))
    return folder


def divergence(teacher: Path, student: Path, texts: list[str]) -> float:
    """The mean of KL(teacher || student) over all places of some texts, from whole distributions."""
    options = [{"weights": str(each), "dtype": "float32"} for each in (teacher, student)]
    comparer = Comparer(options[0], str(ROOT))
    rows = [row for text in texts for row in comparer.compare_weights(text, options[1])["positions"]]
    return sum(row[0] for row in rows) / len(rows)


def _how(steps: int, seed: int, rate: float) -> dict[str, Any]:
    return {"steps": steps, "batch": BATCH, "length": LENGTH, "learning_rate": rate, "seed": seed}


def _train(
    start: Path, out: Path, data: TrainingData, settings: DistilledSettings, teacher: Path | None = None
) -> None:
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    out.mkdir()
    train_student(
        TrainingRequest(
            version=out.name,
            settings=settings,
            data=data,
            start=start,
            teacher=teacher,
            targets=out.parent / "targets",
            folder=out,
        ),
        lambda _: None,
    )
