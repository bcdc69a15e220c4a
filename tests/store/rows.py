"""Draws and scores to store."""

from __future__ import annotations

import hashlib
from typing import Any

from harness.records import Draw, Request, Sample, ScoreRow


def key_of(name: str, generation: int = 0) -> bytes:
    """A key like the sampler's: 16 bytes of everything that an answer depends on."""
    return hashlib.blake2b(f"{name}/{generation}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def draw(
    name: str, text: str = "Lima", index: int = 0, *, generation: int = 0, fingerprint: str = "f0", **sample: Any
) -> Draw:
    """One answer to the question `name`."""
    request = Request(messages=({"role": "user", "content": name},), sampling={"temperature": 0.7})
    key = key_of(name, generation)
    return Draw(key, fingerprint, generation, request, Sample(text, index, **sample))


def score(case_id: str = "peru", index: int = 0, value: float | None = 1.0, **changes: Any) -> ScoreRow:
    """One score of an evaluation."""
    fields: dict[str, Any] = {
        "evaluation_id": "suites/test_capitals.py::test_capitals",
        "metric": "score",
        "role": "candidate",
        "fingerprint": "f0",
        "case_id": case_id,
        "sample_index": index,
        "value": value,
    }
    return ScoreRow(**{**fields, **changes})
