"""Faults of endpoints come to an error that says what came, never to the score of a bad answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from harness.errors import EngineError
from tests.bench.bench_attack import Came, serve, try_kinds
from tests.bench.endpoint_faults import Kind, kinds
from tests.models.openai.engines import ask, engine_at, sample

pytestmark = pytest.mark.service

EACH = 3


def came_of(tried: Sequence[Kind]) -> list[Came]:
    with serve(tried) as server:
        return asyncio.run(try_kinds(server, tried))


@pytest.mark.nightly
def test_every_third_kind_comes_to_what_it_must() -> None:
    came = came_of(kinds()[::EACH])
    assert [(each.kind.name, each.always, each.once, each.attempts) for each in came if not each.is_as_it_must] == []
    assert {each.kind.layer for each in came} == {kind.layer for kind in kinds()}


def test_each_kind_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in kinds()}) == len(kinds()) >= 90


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("an error with code 7 beside an answer", "the answer is an error: it broke"),
        ("an error with code 'overloaded' alone in a 200", "the answer is an error: it broke"),
        ("a message alone", "the answer holds no choices; it says: out of memory"),
        ("an object called error", "the answer is an error: out of memory"),
        ("finish_reason error with some text", r"the answer broke off \(finish_reason 'error'\)"),
        ("error of a choice is a text", "the answer broke off with an error: some text"),
        ("content is an empty list", "the answer holds neither text nor tool calls"),
        ("content is null", "the answer holds neither text nor tool calls"),
        ("JSON cut at 0 %", "the answer is not JSON: nothing came"),
        ("encoded as br", "the answer can't be read: Can not decode content-encoding: brotli"),
        ("corrupt gzip", "the answer can't be decompressed"),
        ("a gzip bomb", r"the answer is larger than 16,777,216 bytes"),
        ("a body without an end", r"the answer is larger than 16,777,216 bytes"),
        ("a web page", "is no API: .*the answer is not JSON: <!doctype html>.*A web page came; check base_url"),
        ("an empty account in a 200", r"answers nothing more \(no money\)"),
    ],
)
def test_the_error_says_what_came_after_three_attempts_at_most(name: str, said: str) -> None:
    (kind,) = (kind for kind in kinds() if kind.name == name)
    with serve([kind]) as server:
        one = engine_at(f"{server.base}/0/always/v1")
        with pytest.raises(EngineError, match=said):
            sample(one, ask())
        assert one.http_requests <= 3
