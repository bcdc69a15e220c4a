"""The engine keeps Steelyard's contract: run with `pytest` where both are installed."""

import asyncio

import pytest
from steelyard_parrot import ParrotEngine

from harness.models.conformance import CHECKS, Subject
from harness.records import Request


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_engine_keeps_the_contract(check):
    subject = Subject(
        create=lambda: ParrotEngine("parrot (v)", {"forgets": 0.2}),
        prompts=("a pretty bird", "another pretty bird"),
        unanswerable=Request(messages=({"role": "user", "content": [{"type": "image_url"}]},)),
    )
    asyncio.run(check(subject))
