"""What users wait for, measured in blocks: both versions served by vLLM, one at a time, on the same arrivals."""

import pytest

BLOCKS = {"blocks": 12, "seconds": 2.5, "rate": 4, "prompt_tokens": 64, "output_tokens": 16}


@pytest.mark.evaluation(load=BLOCKS, margin="10 %", requirement="non-functional: the first word is no later")
def test_first_token(load):
    return load.ttft


@pytest.mark.evaluation(load=BLOCKS, margin="5 %", requirement="non-functional: answers flow no slower than before")
def test_between_tokens(load):
    return load.itl


@pytest.mark.evaluation(load=BLOCKS, margin="5 %", requirement="non-functional: a machine serves as many as before")
def test_throughput(load):
    return load.throughput
