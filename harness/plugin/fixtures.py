"""The fixtures of a test body. Their values are placeholders: each call of the body gets its own."""

from __future__ import annotations

import difflib
from typing import NoReturn

import pytest

from harness.stages.fixtures import STAGE_FIXTURES

OFFERED = ("case", "model", "baseline", "judge", "load", *STAGE_FIXTURES)
"""The fixtures that only the body of an evaluation may take."""


class _Placeholder:
    """Stands for a value that only the body of an evaluation has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        _refuse(self._name)


def _placeholder(request: pytest.FixtureRequest) -> object:
    name = str(request.fixturename)
    if request.node.get_closest_marker("evaluation") is None:
        _refuse(name, _nearest_mark(request))
    return _Placeholder(name)


def _nearest_mark(request: pytest.FixtureRequest) -> str:
    marks = [mark.name for mark in request.node.iter_markers()]
    near = difflib.get_close_matches("evaluation", marks, n=1)
    return f" Its mark is called {near[0]!r}." if near else ""


def _refuse(name: str, hint: str = "") -> NoReturn:
    pytest.fail(
        f"{name!r} exists in the body of a test that is marked with @pytest.mark.evaluation, and nowhere else.{hint}",
        pytrace=False,
    )


@pytest.fixture
def case(request: pytest.FixtureRequest) -> object:
    """The case at hand: `case.id` and its other fields."""
    return _placeholder(request)


@pytest.fixture
def model(request: pytest.FixtureRequest) -> object:
    """The model version under test: `ask`, `chat`, `converse`, `loop`, `structured`, `complete`, `loglikelihood`, …"""
    return _placeholder(request)


@pytest.fixture
def baseline(request: pytest.FixtureRequest) -> object:
    """The version that the candidate is weighed against, for a body that compares the two answers itself."""
    return _placeholder(request)


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> object:
    """The versions that score answers: `rate` by a rubric, `prefer` one of two, `measure` by a metric of deepeval."""
    return _placeholder(request)


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> object:
    """The corpus under test: the version itself, or the one that a model was last trained on."""
    return _placeholder(request)


@pytest.fixture
def weights(request: pytest.FixtureRequest) -> object:
    """The weights of the version under test as they were loaded: `tokenizer`, `chat`."""
    return _placeholder(request)


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> object:
    """Greedy answers of the version under test, asked again alone and beside others: `of`."""
    return _placeholder(request)


@pytest.fixture
def teacher(request: pytest.FixtureRequest) -> object:
    """The version that the one under test was distilled from; its methods are those of `model`."""
    return _placeholder(request)


@pytest.fixture
def distillation(request: pytest.FixtureRequest) -> object:
    """The version under test beside the teacher of its weights: `compare`, `other_tokens`, `ratios`, `lessons`."""
    return _placeholder(request)


@pytest.fixture
def base(request: pytest.FixtureRequest) -> object:
    """The version under test without its last customization; its methods are those of `model`."""
    return _placeholder(request)


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> object:
    """The adapter of the version under test: `effect(text)`, `contamination(cases)`, `trained_ids`."""
    return _placeholder(request)


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> object:
    """The prompt of the version under test: its `texts`, `places`, and `contamination(cases)`."""
    return _placeholder(request)


@pytest.fixture
def retriever(request: pytest.FixtureRequest) -> object:
    """The retriever of the version under test: `search(query, k)`, `passages`."""
    return _placeholder(request)


@pytest.fixture
def needles(request: pytest.FixtureRequest) -> object:
    """Prompts of a length in the version's own tokens, with facts at a depth: `plant(task, tokens, depth)`."""
    return _placeholder(request)


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> object:
    """The version's own weights in 32 bits: `compare` what its engine foresees of a text with what they do."""
    return _placeholder(request)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> object:
    """The version under test as it is served: `address`, `metrics()`, `description`."""
    return _placeholder(request)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> object:
    """The figures of the version under test in one block under load: `ttft`, `itl`, `throughput`, … as measures."""
    return _placeholder(request)
