"""The fixtures of a test body. Their values are placeholders: each call of the body gets its own."""

from __future__ import annotations

import difflib
from typing import Any, NoReturn

import pytest

OFFERED = {
    "case": "The case at hand: `case.id` and its other fields.",
    "model": "The model version under test: `ask`, `chat`, `converse`, `loop`, `structured`, `complete`, "
    "`loglikelihood`, …",
    "baseline": "The version that the candidate is weighed against, for a body that compares the two answers itself.",
    "judge": "The versions that score answers: `rate` by a rubric, `prefer` one of two, `measure` by a metric of "
    "deepeval.",
    "load": "The figures of the version under test in one block under load: `ttft`, `itl`, `throughput`, … as "
    "measures.",
    "corpus": "The corpus under test: the version itself, or the one that a model was last trained on.",
    "weights": "The weights of the version under test as they were loaded: `tokenizer`, `chat`.",
    "reference": "The version's own weights in 32 bits: `compare` what its engine foresees of a text with what they "
    "do.",
    "teacher": "The version that the one under test was distilled from; its methods are those of `model`.",
    "base": "The version under test without its last customization; its methods are those of `model`.",
    "distillation": "The version under test beside the teacher of its weights: `compare`, `other_tokens`, `ratios`, "
    "`lessons`.",
    "adapter": "The adapter of the version under test: `effect(text)`, `contamination(cases)`, `trained_ids`.",
    "prompt": "The prompt of the version under test: its `texts`, `places`, and `contamination(cases)`.",
    "retriever": "The retriever of the version under test: `search(query, k)`, `passages`.",
    "needles": "Prompts of a length in the version's own tokens, with facts at a depth: `plant(task, tokens, depth)`.",
    "repeats": "Greedy answers of the version under test, asked again alone and beside others: `of`.",
    "server": "The version under test as it is served: `address`, `metrics()`, `description`.",
}
"""The fixtures that only the body of an evaluation may take, each with what the body gets."""


class _Placeholder:
    """Stands for a value that only the body of an evaluation has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        _refuse(self._name)


def _fixture(name: str, text: str) -> Any:
    def placeholder(request: pytest.FixtureRequest) -> object:
        if request.node.get_closest_marker("evaluation") is None:
            marks = [mark.name for mark in request.node.iter_markers()]
            near = difflib.get_close_matches("evaluation", marks, n=1)
            _refuse(
                name,
                f" Its mark is called {near[0]!r}." if near else " Mark the test with it, or take the fixture out.",
            )
        return _Placeholder(name)

    placeholder.__doc__ = text
    return pytest.fixture(name=name)(placeholder)


def _refuse(name: str, hint: str = "") -> NoReturn:
    pytest.fail(
        f"{name!r} exists in the body of a test that is marked with @pytest.mark.evaluation, and nowhere else.{hint}",
        pytrace=False,
    )


globals().update({name: _fixture(name, text) for name, text in OFFERED.items()})  # where pytest looks for them
