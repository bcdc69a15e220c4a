"""A key is found however a server wrote it."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from harness.models.openai.redaction import Redactor
from harness.records import Sample, TokenLogprob

KEY = "sk-a+b/c=d\"e'f&g<h>i\\j~0123456789"
REDACTOR = Redactor(KEY)

WAYS = {
    "plain": KEY,
    "json": json.dumps(KEY),
    "json twice": json.dumps(json.dumps(KEY)[1:-1]),
    "json in code points": "".join(f"\\u{ord(character):04X}" for character in KEY),
    "html": html.escape(KEY),
    "html twice": html.escape(html.escape(KEY)),
    "html in code points": "".join(f"&#{ord(character)};" for character in KEY),
    "html by name": KEY.replace("&", "&amp;").replace("'", "&apos;").replace("+", "&plus;").replace("/", "&sol;"),
    "url": quote(KEY, safe=""),
    "url twice": quote(quote(KEY, safe=""), safe=""),
    "form": quote_plus(KEY),
    "json in html": html.escape(json.dumps(KEY)[1:-1]),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_taken_out_of_the_middle_of_a_text(way: str) -> None:
    assert REDACTOR.text(f"before ({WAYS[way].strip(chr(34))}) after") == "before (***) after"


@pytest.mark.parametrize("before", ["", "u", "us", "Bearer ", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_in_base64_is_taken_out_wherever_it_starts(before: str, encode: object) -> None:
    encoded = encode(f"{before}{KEY}!".encode()).decode()  # type: ignore[operator]
    redacted = REDACTOR.text(encoded)
    assert "***" in redacted
    assert len(redacted) <= len("***") + -(-len(before) * 8 // 6) + 4


def test_the_names_and_leaves_of_a_document_are_without_the_key() -> None:
    document = {"said": [KEY, 3, None, {KEY: f"Bearer {KEY}"}]}
    assert REDACTOR.leaves(document) == {"said": ["***", 3, None, {"***": "Bearer ***"}]}


def test_no_key_leaves_all_as_it_is() -> None:
    assert Redactor(None).leaves({"a": ["b"]}) == {"a": ["b"]}


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
            TokenLogprob("My ", -1.0, (("My ", -1.0), ("***", -2.0))),
            TokenLogprob("***", -1.0),
            TokenLogprob("***", -1.0),
            TokenLogprob("!", -1.0, (("!", -1.0), ("***", -2.0))),
        ),
    )


def test_a_placeholder_of_a_key_changes_no_answer() -> None:
    assert Redactor("EMPTY").sample(Sample("EMPTY")).text == "EMPTY"
    assert Redactor("EMPTY").text("EMPTY") == "***"
