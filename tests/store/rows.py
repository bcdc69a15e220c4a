"""Draws and scores to store."""

from __future__ import annotations

from typing import Any

from harness.records import NewSample, Request, Sample, ScoreRow
from harness.records.keys import KeyedQuestion, request_text


def _request(name: str) -> Request:
    return Request(messages=({"role": "user", "content": name},), sampling={"temperature": 0.7})


def key_of(name: str, generation: int = 0, *, fingerprint: str = "f0", occurrence: int = 0) -> bytes:
    """The key of the draws of the question `name`."""
    return key_for(_request(name), fingerprint, "", generation, occurrence)


def key_for(request: Request, fingerprint: str, case: str, generation: int = 0, occurrence: int = 0) -> bytes:
    """The key of the draws of a case's question."""
    return KeyedQuestion(request_text(fingerprint, request), occurrence, case).key(generation)


def draw(
    name: str,
    text: str = "Lima",
    index: int = 0,
    *,
    generation: int = 0,
    fingerprint: str = "f0",
    occurrence: int = 0,
    **sample: Any,
) -> NewSample:
    """One answer to the question `name`."""
    key = key_of(name, generation, fingerprint=fingerprint, occurrence=occurrence)
    return NewSample(key, fingerprint, generation, _request(name), Sample(text, index, **sample))


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
