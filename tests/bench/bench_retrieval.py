"""An index of 100,000 passages: how long it takes, and a query in it; and measures beside trec_eval's."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from harness import checks
from harness.config.customization import RetrievalSettings
from harness.models.retrieval.index import build_index
from harness.models.retrieval.retriever import Retriever
from tests.bench.sampling import Figure

PASSAGES = 100_000
QUERIES = 1_000
WORDS = 50_000
RANKINGS = 1_000
INDEX_S = 60
QUERY_MS = 20


def retrieval(folder: Path) -> list[Figure]:
    """Index and queries by words, and the largest distance of the measures from trec_eval's."""
    rng = np.random.default_rng(16)
    _write(folder / "passages.jsonl", rng)
    settings = RetrievalSettings("passages.jsonl")
    to = folder / "index"
    to.mkdir()
    wall, cpu = time.perf_counter(), time.process_time()
    build_index(settings, to, folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    retriever = Retriever(settings, to)
    retriever.search("warm")
    taken = np.array([_query_ms(retriever, rng) for _ in range(QUERIES)])
    (mean, of_cpu), (p99, p99_of_cpu) = taken.mean(0).tolist(), np.quantile(taken, 0.99, axis=0).tolist()
    busy = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    means, tails = (
        f"{of_cpu:.1f} ms of CPU; {QUERIES:,} queries of 3 to 12 words",
        f"{p99_of_cpu:.1f} ms of CPU; {busy}",
    )
    beside = f"BM25 with stems, {PASSAGES:,} passages of 20 to 80 words"
    difference = _difference(rng)
    return [
        Figure("Retrieval: the index", wall, "s", f"≤ {INDEX_S} s", wall <= INDEX_S, f"{beside}; {cpu:.1f} s of CPU"),
        Figure("Retrieval: a query, mean", mean, "ms", f"≤ {QUERY_MS} ms", mean <= QUERY_MS, means),
        Figure("Retrieval: a query, p99", p99, "ms", f"≤ {QUERY_MS} ms", p99 <= QUERY_MS, tails),
        Figure(
            "Measures of a ranking: largest distance from trec_eval's",
            difference,
            "",
            "< 0.00005",
            difference < 5e-5,
            f"recall, precision, RR, AP, nDCG of {RANKINGS:,} random rankings with grades, by ir-measures",
        ),
    ]


def _write(path: Path, rng: np.random.Generator) -> None:
    """Passages whose words are as frequent as Zipf has it."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(PASSAGES):
            text = _text(rng, int(rng.integers(20, 81)))
            file.write(json.dumps({"id": f"p{number}", "text": text}) + "\n")


def _text(rng: np.random.Generator, length: int) -> str:
    ranks = np.minimum(rng.zipf(1.2, length), WORDS)
    return " ".join(map(_word, ranks))


def _word(rank: int) -> str:
    """A word of letters, the same for each rank."""
    letters = ""
    rest = int(rank) + 700
    while rest:
        rest, place = divmod(rest, 20)
        letters += "bcdfghjklmnpqrstvwxz"[place] + "aeiou"[place % 5]
    return letters


def _query_ms(retriever: Retriever, rng: np.random.Generator) -> tuple[float, float]:
    """How long a query takes, and of that on a core: the rest goes to what else the machine does."""
    query = _text(rng, int(rng.integers(3, 13)))
    wall, cpu = time.perf_counter(), time.thread_time()
    retriever.search(query)
    return (time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000


def _difference(rng: np.random.Generator) -> float:
    """The largest distance of a measure here from the same by trec_eval."""
    import ir_measures

    greatest = 0.0
    for _ in range(RANKINGS):
        ids = [f"d{number:02}" for number in rng.permutation(40)]
        ranking = ids[: rng.integers(1, 41)]
        judged = rng.choice(ids, int(rng.integers(1, 20)), replace=False)
        grades = {str(name): int(rng.integers(0, 4)) for name in judged} | {ids[int(rng.integers(40))]: 1}
        k = int(rng.integers(1, 21))
        ours: dict[str, Any] = {
            f"R@{k}": checks.recall_at(ranking, grades, k),
            f"P@{k}": checks.precision_at(ranking, grades, k),
            "RR": checks.reciprocal_rank(ranking, grades),
            "AP": checks.average_precision(ranking, grades),
            f"nDCG@{k}": checks.ndcg_at(ranking, grades, k),
            "nDCG": checks.ndcg_at(ranking, grades),
        }
        measures = [ir_measures.parse_measure(name) for name in ours]
        run = {"q": {name: float(-place) for place, name in enumerate(ranking)}}
        theirs = ir_measures.calc_aggregate(measures, {"q": grades}, run)
        for measure in measures:
            distance = abs(ours[str(measure)].value - theirs[measure])
            greatest = max(greatest, math.inf if math.isnan(distance) else distance)
    return greatest
