"""A key is taken out of what a server says."""

from __future__ import annotations

import json

from harness.models.openai.redaction import Redactor
from harness.records import Sample, TokenLogprob

KEY = "sk-a+b/c=d0123456789"
REDACTOR = Redactor(KEY)


def test_the_names_and_leaves_of_a_document_are_without_the_key() -> None:
    document = {"said": [KEY, 3, None, {KEY: f"Bearer {KEY}"}]}
    assert REDACTOR.leaves(document) == {"said": ["***", 3, None, {"***": "Bearer ***"}]}
    assert Redactor(None).leaves(document) == document


def test_an_answer_is_without_the_key_in_every_field() -> None:
    call = {"function": {"name": "look", "arguments": json.dumps({"key": KEY})}}
    logprobs = tuple(TokenLogprob(token, -1.0, ((KEY, -2.0),)) for token in ("My ", KEY[:4], KEY[4:], "!"))
    sample = Sample(f"My {KEY}!", finish_reason=KEY, reasoning=KEY, tool_calls=(call,), logprobs=logprobs)
    assert REDACTOR.sample(sample) == Sample(
        "My ***!",
        finish_reason="***",
        reasoning="***",
        tool_calls=({"function": {"name": "look", "arguments": '{"key": "***"}'}},),
        logprobs=(TokenLogprob("***", -1.0),) * 4,
    )


def test_a_placeholder_of_a_key_is_no_secret() -> None:
    assert Redactor("EMPTY").sample(Sample("EMPTY")).text == Redactor("EMPTY").text("EMPTY") == "EMPTY"
