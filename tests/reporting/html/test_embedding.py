"""Data inside a script ends no script, and comes out as it went in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reporting.html.details import embedded
from tests.reporting.html.pages import HOSTILE

_TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.service
@given(_VALUES)
def test_whatever_is_embedded_comes_back_and_holds_nothing_that_html_reads(value: object) -> None:
    text = embedded(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert not set("<>&") & set(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_back(text: str) -> None:
    assert json.loads(embedded({"answer": text})) == {"answer": text}


def test_what_is_no_number_of_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        embedded(float("nan"))
