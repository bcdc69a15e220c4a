"""A key is taken out of what a server says."""

from __future__ import annotations

import json

from harness.models.openai.redaction import Redactor
from harness.records import Sample, TokenLogprob

KEY = "sk-a+b/c=d~0123456789"
REDACTOR = Redactor(KEY)


def test_the_names_and_leaves_of_a_document_are_without_the_key() -> None:
    document = {"said": [KEY, 3, None, {KEY: f"Bearer {KEY}"}]}
    assert REDACTOR.leaves(document) == {"said": ["***", 3, None, {"***": "Bearer ***"}]}


def test_an_answer_is_without_the_key_in_every_field() -> None:
    call = {"function": {"name": "look", "arguments": json.dumps({"key": KEY})}}
    logprobs = tuple(
        TokenLogprob(token, -1.0, ((token, -1.0), (KEY, -2.0))) for token in ("My ", KEY[:4], KEY[4:], "!")
    )
    sample = Sample(f"My {KEY}!", finish_reason=KEY, reasoning=KEY, tool_calls=(call,), logprobs=logprobs)
    redacted = REDACTOR.sample(sample)
    assert redacted == Sample(
        "My ***!",
        finish_reason="***",
        reasoning="***",
        tool_calls=({"function": {"name": "look", "arguments": '{"key": "***"}'}},),
        logprobs=(
            TokenLogprob("***", -1.0),
            TokenLogprob("***", -1.0),
            TokenLogprob("***", -1.0),
            TokenLogprob("***", -1.0),
        ),
    )


def test_no_key_or_one_of_fewer_than_8_characters_changes_nothing() -> None:
    for key in (None, "EMPTY"):
        assert Redactor(key).leaves({"a": ["EMPTY"]}) == {"a": ["EMPTY"]}
        assert Redactor(key).sample(Sample("EMPTY")).text == "EMPTY"
