"""`steelyard compare` as a process, on two stored runs of 100,000 cases × 10 samples.

The versions have different system texts, so that what each case was asked must be read, too. With
STEELYARD_TEST_POSTGRES, the address of a server, it is measured on PostgreSQL as well.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from harness.decisions import Observations, decide
from harness.records import NewSample, Report, Request, Sample, ScoreRow, Usage, VersionRef
from harness.records.report_json import to_json
from harness.store import Store, new_run_id
from tests.bench.process import middle, run
from tests.bench.sampling import Figure

EVALUATION = "suites/foundation/test_bench.py::test_answers"
SAMPLES = 10
_AT_ONCE = 10_000
_COMMAND = (sys.executable, "-c", "from harness.cli import main; main()", "compare", "quantized", "whole")


def compare(folder: Path, cases: int, repeats: int) -> list[Figure]:
    """Time and peak memory of the command."""
    server = os.environ.get("STEELYARD_TEST_POSTGRES")
    places = {"SQLite": str(folder / "store.db"), **({"PostgreSQL": server} if server else {})}
    return [figure for name, url in places.items() for figure in _measured(folder, name, url, (cases, repeats))]


def _measured(folder: Path, name: str, url: str, size: tuple[int, int]) -> list[Figure]:
    cases, repeats = size
    with Store.open(url) as store:
        for seed, version in enumerate(("whole", "quantized")):
            fill(store, version, cases, seed)
        size_mb = store.info().size_bytes / 1e6
    took = middle([run([*_COMMAND, "--store", url], folder, codes=(0, 1, 8)) for _ in range(repeats)])
    what = f"steelyard compare, two runs of {cases:,} cases × {SAMPLES} samples, {name}"
    beside = f"{took.cpu_s:.1f} s of CPU, a store of {size_mb:,.0f} MB"
    return [
        Figure(what, took.wall_s, "s", "≤ 10 s", took.wall_s <= 10, beside),
        Figure(f"{what}: peak memory", took.peak_mb, "MB", "≤ 1,000 MB", took.peak_mb <= 1000),
    ]


def fill(store: Store, version: str, cases: int, seed: int) -> None:
    """Store a finished run of one version, as a gate would."""
    rng = np.random.default_rng(seed)
    scores = (rng.random((cases, SAMPLES)) < rng.beta(4, 1, (cases, 1))).astype(float)
    fingerprint = hashlib.blake2b(version.encode(), digest_size=16).hexdigest()
    run_id = new_run_id()
    store.begin_run(run_id, "2026-11-24T16:00:00Z", {"candidate": {"name": version, "fingerprint": fingerprint}})
    ids = [f"case-{number:06}" for number in range(cases)]
    _in_parts(store.add, _draws(version, fingerprint, ids))
    _in_parts(lambda rows: store.add_scores(run_id, rows), _rows(version, fingerprint, ids, scores))
    store.finish_run(run_id, to_json(_report(run_id, VersionRef(version, fingerprint), ids, scores)))


def _in_parts(keep: Any, rows: Iterator[Any]) -> None:
    while part := list(islice(rows, _AT_ONCE)):
        keep(part)


def _key(version: str, case: str) -> bytes:
    return hashlib.blake2b(f"{version}/{case}".encode(), digest_size=16).digest()


def _draws(version: str, fingerprint: str, ids: list[str]) -> Iterator[NewSample]:
    for case in ids:
        messages = (
            {"role": "system", "content": f"You are the {version} one."},
            {"role": "user", "content": f"What is the capital of the country number {case}? Answer in one word."},
        )
        request = Request(messages=messages, sampling={"temperature": 0.7, "max_tokens": 16})
        for index in range(SAMPLES):
            sample = Sample(f"The capital of {case} is Lima.", index, prompt_tokens=31, completion_tokens=9)
            yield NewSample(_key(version, case), fingerprint, 0, request, sample)


def _rows(version: str, fingerprint: str, ids: list[str], scores: Any) -> Iterator[ScoreRow]:
    for case, values in zip(ids, scores.tolist(), strict=True):
        for index, value in enumerate(values):
            reason = None if value else "assert 'Quito' in 'The capital is Lima.'"
            of_set = EVALUATION, "score", "candidate", fingerprint
            yield ScoreRow(*of_set, case, index, value, "scored", reason, _key(version, case))  # type: ignore[arg-type]


def _report(run_id: str, version: VersionRef, ids: list[str], scores: Any) -> Report:
    observed = Observations(EVALUATION, "score", None, 0.7, 0.02, False, tuple(ids), scores, None)
    (verdict,) = decide([observed], 0.95)
    return Report(run_id, "2026-11-24T16:00:00Z", 0, verdict.verdict, 0.95, version, None, Usage(), (verdict,))
