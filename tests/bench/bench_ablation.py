"""The ablation of this project's corpora, beside what must be found and what must not."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import numpy as np

from harness.config import Settings
from harness.config.corpora import CorpusSettings
from harness.config.settings import load_settings
from harness.decisions import decide
from harness.decisions.observations import Observations
from harness.records import Verdict
from harness.stages.data.ablation.ablation import Ablation
from harness.stages.data.ablation.comparison import SeedPair, train_pairs
from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.corpus import Corpus
from harness.stages.data.corpus_build import build_corpus
from tests.bench.sampling import ROOT, Figure

QUESTIONS = ROOT / "evals" / "data" / "ablation"
SEEDS = range(1, 6)
OTHER_SEEDS = range(6, 11)
MARGIN = 0.05
GOAL_S = 360.0
"""Of all trainings of a gate: ten of them, on two cores."""

Rows = Iterable[tuple[str, str]]


def ablation(folder: Path) -> list[Figure]:
    """Clean against raw; against itself with other seeds, and half against half; against a planted worse one."""
    settings = load_settings(ROOT)
    clean, raw = build_corpus(settings, "clean"), build_corpus(settings, "raw")
    rows = [(each.id, each.text) for each in clean.documents()]
    halves = [_built(folder, f"half-{side}", (row for row in rows if _side(row[0]) == side)) for side in (0, 1)]
    worse = _built(folder, "worse", ((identity, _shuffled(identity, text)) for identity, text in rows))
    began = time.monotonic()
    cleaned = _pairs(clean, raw)
    wall_s = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(model.seconds for pair in cleaned for model in (pair.first, pair.second))
    planted = [SeedPair(pair.first, own.first) for pair, own in zip(_pairs(worse, clean), cleaned, strict=True)]
    other = [
        SeedPair(one.first, two.first) for one, two in zip(_pairs(clean, clean, OTHER_SEEDS), cleaned, strict=True)
    ]
    return [
        _found("clean against raw", cleaned, "passed"),
        _found("half of the documents of clean with their words in another order, against clean", planted, "regressed"),
        _found("A/A: one half of the documents of clean against the other", _pairs(halves[0], halves[1]), "passed"),
        _found("A/A: clean with other seeds against clean", other, "passed or inconclusive"),
        _cloze("clean against raw", cleaned),
        Figure(
            "ablation: ten trainings of 600,000 tokens, two at a time",
            wall_s,
            "s",
            f"≤ {GOAL_S:g} s",
            wall_s <= GOAL_S,
            f"{cpu_s:.0f} s in all processes together, of which {used.ru_utime:.0f} s of processor time so far",
        ),
    ]


def _pairs(first: Corpus, second: Corpus, seeds: Sequence[int] = SEEDS) -> list[SeedPair]:
    questions = QUESTIONS / "held_out.jsonl", QUESTIONS / "cloze.jsonl"
    sides = Ablation(first, ROOT), Ablation(second, ROOT)
    return list(asyncio.run(train_pairs(sides, seeds, AblationPlan(), *questions)))


def _built(folder: Path, name: str, rows: Rows) -> Corpus:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"id": identity, "text": text}) + "\n" for identity, text in rows))
    corpus = CorpusSettings(name, path.name, steps=(), tables={}, table=f"[corpora.{name}]")
    return build_corpus(Settings(root=folder, prefix="", corpora={name: corpus}), name)


def _side(identity: str) -> int:
    return hashlib.sha256(identity.encode()).digest()[0] % 2


def _shuffled(identity: str, text: str) -> str:
    """Of half of the documents the words in another order."""
    if _side(f"words {identity}"):
        return text
    words = text.split()
    Random(identity).shuffle(words)
    return " ".join(words)


def _decided(pairs: Sequence[SeedPair]) -> Verdict:
    """The verdict of a gate that holds this evaluation alone."""
    candidate = np.array([[pair.first.loss] for pair in pairs])
    baseline = np.array([[pair.second.loss] for pair in pairs])
    observed = Observations(
        id="ablation",
        metric="score",
        requirement=None,
        threshold=None,
        margin=MARGIN,
        margin_is_default=False,
        case_ids=tuple(f"seed-{pair.first.seed}" for pair in pairs),
        candidate=candidate,
        baseline=baseline,
        unit="nats/byte",
        higher_is_better=False,
        is_exact=True,
    )
    return decide([observed], 0.95)[0]


def _found(name: str, pairs: Sequence[SeedPair], goal: str) -> Figure:
    verdict = _decided(pairs)
    differences = [pair.first.loss - pair.second.loss for pair in pairs]
    assert verdict.difference is not None
    low, high = verdict.difference.low, verdict.difference.high
    told = (
        f"{verdict.verdict}; [{low:+.4f}, {high:+.4f}], standard deviation of a pair {np.std(differences, ddof=1):.4f}"
    )
    return Figure(
        f"ablation, {name}: held-out loss, 5 seeds",
        float(np.mean(differences)),
        "nats/byte",
        goal,
        str(verdict.verdict) in goal,
        told,
    )


def _cloze(name: str, pairs: Sequence[SeedPair]) -> Figure:
    first = [pair.first.cloze or 0.0 for pair in pairs]
    second = [pair.second.cloze or 0.0 for pair in pairs]
    difference = float(np.mean(first) - np.mean(second))
    beside = f"{np.mean(first):.3f} against {np.mean(second):.3f}; 0.25 by chance"
    return Figure(
        f"ablation, {name}: gaps filled rightly, 5 seeds", difference, "of questions", "> 0", difference > 0, beside
    )
