"""The marker's words of an evaluation that takes `load`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import Settings
from harness.errors import MarkerError
from harness.stages.inference.blocks.plan import DEFAULT_BLOCKS, DEFAULT_RATE, DEFAULT_SECONDS, blocks_of


def read(loads: bool = True, **keywords: Any) -> Any:
    words = {name: value for name, value in keywords.items() if name not in ("cases", "samples")}
    others = {name: value for name, value in keywords.items() if name not in words}
    given = {"load": words, **others} if words else others
    return blocks_of(given, Settings(root=Path()), where="test_a", loads=loads)


def test_without_words_it_has_the_defaults() -> None:
    plan = read()
    assert (plan.blocks, plan.load.rate, plan.load.seconds) == (DEFAULT_BLOCKS, DEFAULT_RATE, DEFAULT_SECONDS)


def test_a_word_that_is_none_is_not_given() -> None:
    words = ("blocks", "warm_up", "rate", "seconds", "requests", "prompts", "objective", "accept", "output_tokens")
    assert read(**dict.fromkeys(words)).text == read().text


def test_it_says_what_is_sent() -> None:
    plan = read(blocks=6, concurrency=3, requests=20, objective="ttft=0.5,itl=0.1", output_tokens=9)
    assert (plan.blocks, plan.load.rate, plan.load.concurrency) == (6, None, 3)
    assert (plan.load.requests, plan.load.seconds, plan.load.output_tokens) == (20, None, 9)
    assert dict(plan.load.objective) == {"ttft": 0.5, "itl": 0.1}


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"rate": 0}, "rate = 0 is not above 0"),
        ({"blocks": 4}, "blocks = 4 is below 5"),
        ({"objective": "tftt=1"}, "Did you mean 'ttft'"),
        *(
            ({"objective": text}, "names nothing that could be kept")
            for text in ("", "ttft", "=3", "ttft=fast", "itl=2,,")
        ),
        ({"rate": 1, "concurrency": 2}, "both are given"),
        ({"cases": []}, "cases= does not go with `load`"),
        ({"samples": 3}, "samples= does not go with `load`"),
        ({"seed": 3}, "No setting named 'seed'"),
        ({"seconds": "long"}, "seconds = 'long' is not a number"),
        ({"blokcs": 12}, "Did you mean 'blocks'"),
    ],
)
def test_what_can_not_be_is_refused_with_the_way_out(keywords: dict[str, Any], told: str) -> None:
    with pytest.raises(MarkerError, match="test_a") as caught:
        read(**keywords)
    assert told in str(caught.value)


def test_its_words_are_for_bodies_that_take_load() -> None:
    assert read(loads=False) is None
    with pytest.raises(MarkerError, match="load= is for a body that takes `load`"):
        read(loads=False, rate=2)
