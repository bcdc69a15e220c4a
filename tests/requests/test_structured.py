import re
from typing import Any

import pytest

from harness.errors import EngineError
from harness.records import Sample
from harness.requests.model import data_of


@pytest.mark.parametrize(
    ("text", "data"), [('{"a": [1, "é"]}', {"a": [1, "é"]}), (" 12\n", 12), ("true", True), ("null", None)]
)
def test_an_answer_of_json_is_what_it_holds(text: str, data: Any) -> None:
    assert data_of(Sample(text), "v") == data


@pytest.mark.parametrize(("text", "data"), [("[12]", [12]), ("true", True), ('"12"', "12")])
def test_what_shows_its_own_end_is_whole_though_it_was_cut(text: str, data: Any) -> None:
    assert data_of(Sample(text, finish_reason="length"), "v") == data


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        (
            "Sure: {}",
            "stop",
            "v answered no JSON for a schema (Expecting value: ",
        ),
        ('{"a": "Bo', "length", '\'{"a": "Bo\'. It was cut at max_tokens: raise it, or let the schema bound'),
        ("-1.5", "length", "v answered a number that may have more digits: '-1.5'. It was cut at max_tokens"),
    ],
)
def test_what_is_no_json_or_may_go_on_is_an_error_that_shows_how_it_begins(text: str, reason: str, said: str) -> None:
    with pytest.raises(EngineError, match=re.escape(said)):
        data_of(Sample(text, finish_reason=reason), "v")
