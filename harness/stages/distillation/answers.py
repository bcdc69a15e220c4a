"""The answers of a teacher to the prompts that its student is taught on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.customization import SEQUENCE, SOFT_TARGETS, DistilledSettings
from harness.config.files import json_lines, replacing
from harness.errors import UsageError
from harness.models.engine_creation import check_version
from harness.models.version import Version
from harness.stages.build_state import BuildProgress, BuildState
from harness.stages.teacher_draws import ask_teacher
from harness.stages.training.texts import TrainingText

ANSWERS = "answers.jsonl"
"""The file of a built student in which they are."""


def is_answered(distilled: DistilledSettings, texts: Iterable[TrainingText]) -> bool:
    """Tell whether a student learns from answers that its teacher gives: also by soft targets alone, where no prompt of
    the data has an answer.
    """
    if distilled.method != SOFT_TARGETS or distilled.hard_weight > 0:
        return distilled.method == SEQUENCE
    lacks = (bool(text.prompt) and not text.text.strip() for text in texts)
    return next(lacks, False) and all(lacks)


def answer_sampling(distilled: DistilledSettings, n_tokens: int) -> dict[str, Any]:
    """Return the options that override the teacher's own: an answer longer than a sequence would be learned in part.

    The temperature of soft targets is that of distributions, and not of draws.

    Args:
        n_tokens: of the prompt, which shares the sequence with its answer.
    """
    is_own = distilled.temperature is None or distilled.method == SOFT_TARGETS
    heat = {} if is_own else {"temperature": distilled.temperature}
    return {"max_tokens": distilled.length - n_tokens, **heat}


def write_answers(
    settings: Settings,
    teacher: Version,
    distilled: DistilledSettings,
    asked: Sequence[tuple[TrainingText, int]],
    path: Path,
    told: tuple[str, BuildProgress],
) -> None:
    """Ask the teacher every prompt once, and write a line for each answer that is one.

    Args:
        asked: the prompts, each with its tokens.
        path: of the file; what is there already is taken as it is.
        told: the version that is built, and who is told how far it is.

    Raises:
        UsageError: the teacher can't be asked, or answers nothing.
    """
    if path.exists():
        return
    check_version(teacher.settings, settings.root)
    name, progress = told

    def answered(done: int) -> None:
        progress(BuildState(name, "asking the teacher", done, len(asked), "prompts"))

    requests = [
        (text.id, teacher.chat(text.prompt, sampling=answer_sampling(distilled, n_tokens))) for text, n_tokens in asked
    ]
    samples = asyncio.run(ask_teacher(settings, teacher, requests, answered))
    rows: list[dict[str, Any]] = [
        {"id": text.id, "prompt": list(text.prompt), "answer": sample.text, "finish_reason": sample.finish_reason}
        for (text, _), sample in zip(asked, samples, strict=True)
        if sample.lack is None and sample.text.strip()
    ]
    if not rows:
        raise UsageError(f"The teacher {teacher.name} answers none of the {len(asked)} prompts.")
    if distilled.method == SEQUENCE and distilled.shuffled:
        rows = _dealt(rows, distilled.seed)
    with replacing(path) as draft:
        draft.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _dealt(rows: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The same prompts in their order, each with the answer to another.

    Raises:
        UsageError: there is no other.
    """
    if len(rows) < 2:
        raise UsageError(
            "shuffled = true gives each answer of the teacher to another prompt, and it answers one alone."
        )
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    given = dict(zip(order, (*order[1:], order[0]), strict=True))
    return [{**rows[given[place]], "id": row["id"], "prompt": row["prompt"]} for place, row in enumerate(rows)]


def unended_answers(path: Path) -> frozenset[int]:
    """The places in a file of answers of those that ran into the limit of tokens."""
    rows = json_lines(path, UsageError, "")
    return frozenset(place for place, (_, row) in enumerate(rows) if row["finish_reason"] == "length")
