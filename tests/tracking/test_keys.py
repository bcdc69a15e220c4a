"""Names and texts are such that MLflow and its databases take them."""

from __future__ import annotations

import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from harness.tracking.keys import key, text


def test_a_name_that_mlflow_takes_stays_as_it_is() -> None:
    assert key("foundation/test_capitals", "score") == "foundation/test_capitals/score"


def test_a_name_that_had_to_be_changed_is_told_apart_from_others() -> None:
    assert key("test_it[a+b]", "score").startswith("test_it_a_b_/score ")
    assert key("test_it[a+b]", "score") != key("test_it[a*b]", "score")
    assert key("a", "..", "b") != key("a", "b") == "a/b"


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_name_is_one_of_mlflows(parts: list[str]) -> None:
    """As its own check has it: letters, digits and some marks, a path that is as short as can be, 250 characters."""
    name = key(*parts)
    assert re.fullmatch(r"[/\w.\- :]+", name)
    assert posixpath.normpath(name) == name
    assert not name.startswith(("/", ".."))
    assert len(name) + len(".baseline_standard_error") <= 250


def test_a_long_text_says_that_it_goes_on() -> None:
    assert text("abcdef", 4) == "abc…"
    assert text("abcd", 4) == "abcd"


def test_what_no_database_takes_is_replaced() -> None:
    assert text("a\0b\ud800c") == "a\ufffdb\ufffdc"
