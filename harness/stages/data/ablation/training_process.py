"""The process that trains tiny models: `python -m harness.stages.data.ablation.training_process`.

Messages come in on the standard input and answers leave on what was the standard output, as frames. A second thread
reads the messages, and ends the process as soon as its input does. Everything else is done on one thread, so that two
of these processes do not wait for each other's, and the same seed gives the same model.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import SteelyardError
from harness.models.processes.ends import answer_pipe, incoming
from harness.models.processes.frames import encode_frame
from harness.stages.data.ablation.drawing import draw_tokens, refuse_held_out, text_key
from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.ablation.questions import read_cloze, read_held_out
from harness.stages.data.ablation.results import TrainedModel
from harness.stages.data.ablation.vocabulary import BytePairVocabulary
from harness.stages.data.corpus import open_corpus

_POINTS = 5
"""Of the curve."""
_TOLD_EVERY_S = 1.0


def main() -> None:
    """Train what each message asks for, until the input ends."""
    answers = answer_pipe()
    messages = incoming()
    messages.get()
    try:
        _use_one_thread()
    except Exception as error:  # noqa: BLE001  whatever the packages raise must reach the parent
        answers.write(encode_frame({"failed": f"{type(error).__name__}: {error}"}))
        return
    answers.write(encode_frame({"ready": {}}))
    while True:
        message = messages.get()
        if "cancel" in message:
            continue
        try:
            answer = train_model(message, lambda told: answers.write(encode_frame({"log": told}))).as_json()
        except SteelyardError as error:
            answer = {"error": str(error)}
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(encode_frame({"id": message["id"], **answer}))


def _use_one_thread() -> None:
    """Make torch deterministic."""
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def train_model(message: Mapping[str, Any], told: Callable[[str], object]) -> TrainedModel:
    """Train and measure the model of one seed.

    Args:
        message: `corpus` (its name), `folder`, `seed`, `plan`, `held_out` and `cloze` (paths, the latter may be None).
        told: called now and then with how far it is, in words.

    Raises:
        UsageError: the corpus can't be trained on, or the questions can't be read.
    """
    from harness.stages.data.ablation.tiny_model import cloze_scores, held_out_loss, make_model, train

    began = time.monotonic()
    plan, seed, name = AblationPlan.from_json(message["plan"]), message["seed"], message["corpus"]
    texts, vocabulary = _held_out(message["held_out"], plan.vocabulary)
    items = () if message["cloze"] is None else read_cloze(Path(message["cloze"]))
    documents = ((each.id, each.text) for each in open_corpus(Path(message["folder"]), name).documents())
    held_out = frozenset(map(text_key, texts))
    kept = refuse_held_out(documents, held_out, name, message["held_out"])
    drawn = draw_tokens(kept, seed, plan, vocabulary, name)
    model = make_model(plan, vocabulary.size, seed)
    curve: list[tuple[int, float]] = []
    last_s = time.monotonic()

    def each_step(step: int) -> None:
        nonlocal last_s
        if step * _POINTS // plan.steps > (step - 1) * _POINTS // plan.steps:
            curve.append((step * plan.step_tokens, held_out_loss(model, texts, plan, vocabulary)))
        if time.monotonic() - last_s >= _TOLD_EVERY_S:
            last_s = time.monotonic()
            told(f"seed {seed} {100 * step // plan.steps} %")

    train(model, drawn.tokens, plan, each_step)
    scores = cloze_scores(model, items, plan, vocabulary) if items else []
    return TrainedModel(
        seed=seed,
        loss=curve[-1][1],
        cloze=sum(scores) / len(scores) if scores else None,
        tokens=len(drawn.tokens),
        n_documents=drawn.n_documents,
        n_bytes=drawn.n_bytes,
        epochs=drawn.epochs,
        curve=tuple(curve),
        seconds=round(time.monotonic() - began, 3),
    )


@functools.cache
def _held_out(path: str, size: int) -> tuple[tuple[str, ...], BytePairVocabulary]:
    texts = tuple(read_held_out(Path(path)).values())
    return texts, BytePairVocabulary(texts, size)


if __name__ == "__main__":
    main()
