"""How fast a student is served, beside the baseline: name its teacher. Measured in blocks, one version at a time."""

import pytest

BLOCKS = {"blocks": 24, "seconds": 2.5, "concurrency": 2, "prompt_tokens": 64, "output_tokens": 16}


@pytest.mark.evaluation(
    load=BLOCKS, margin="5 %", requirement="Non-functional: a student serves no fewer than its teacher."
)
def test_throughput(load):
    return load.throughput


@pytest.mark.evaluation(load=BLOCKS, margin="5 %", requirement="Non-functional: a student's words flow no slower.")
def test_between_tokens(load):
    return load.itl
