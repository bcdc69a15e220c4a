"""The fixtures of a test body. Their values are placeholders: each call of the body gets its own."""

from __future__ import annotations

import pytest

OFFERED = ("case", "model", "baseline")
"""What the body of an evaluation may ask for, and nothing else may."""


class _Placeholder:
    """Stands for a value that only the body of an evaluation has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        pytest.fail(
            f"{self._name}.{attribute}: {self._name!r} exists in the body of a test that is marked with "
            "@pytest.mark.evaluation, and nowhere else.",
            pytrace=False,
        )


@pytest.fixture
def case() -> object:
    """The case at hand: `case.id` and its other fields."""
    return _Placeholder("case")


@pytest.fixture
def model() -> object:
    """The model version under test: `ask`, `chat`, `structured`, `loglikelihood`."""
    return _Placeholder("model")


@pytest.fixture
def baseline() -> object:
    """The version that the candidate is weighed against, for a body that compares the two answers itself."""
    return _Placeholder("baseline")
