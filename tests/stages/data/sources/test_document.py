"""A row of a table becomes a document, or is refused with what to write."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import CorpusError
from harness.stages.data.sources import row_document


def test_what_a_row_says_beside_text_id_and_url_is_metadata() -> None:
    row = {"id": "a", "text": "t", "url": "http://x.org", "lang": "en", "metadata": {"licence": "CC0", "lang": "de"}}
    place, document = row_document(row, "f.jsonl", 1)
    assert (place, document.id, document.text) == ("f.jsonl, row 1", "a", "t")
    assert document.metadata == {"licence": "CC0", "lang": "en", "url": "http://x.org"}


def test_a_page_is_known_by_its_field() -> None:
    _, found = row_document({"html": "<p>t</p>"}, "f.jsonl", 3)
    assert (found.id, found.text, found.metadata) == ("f.jsonl/3", "<p>t</p>", {"is_html": True})


def test_an_id_may_be_a_number_and_an_address_may_stand_in_the_metadata() -> None:
    _, found = row_document({"id": 7, "text": "", "metadata": {"url": "http://x.org"}}, "f", 1)
    assert (found.id, found.text, found.metadata) == ("7", "", {"url": "http://x.org"})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["a"], "f.jsonl, row 2: ['a'] is no object"),
        ({}, "the document has neither `text` nor `html`; it has no fields"),
        ({"id": "a", "body": "t"}, "document 'a' has neither `text` nor `html`; its fields are id, body"),
        ({"id": "a", "text": "t", "html": "t"}, "document 'a' has both `text` and `html`"),
        ({"id": "a", "text": 5}, "text of document 'a' is 5, not a text"),
        ({"id": "a", "text": ["t"]}, "text of document 'a' is ['t'], not a text"),
        ({"id": "a", "text": "t", "url": 5}, "url of document 'a' is 5, not a text"),
        ({"id": True, "text": "t"}, "id = True is neither a text nor a whole number"),
        ({"id": "", "text": "t"}, "id = '' is neither a text nor a whole number"),
    ],
)
def test_a_row_that_is_no_document_is_named_with_what_is_wrong(row: Any, said: str) -> None:
    with pytest.raises(CorpusError) as caught:
        row_document(row, "f.jsonl", 2)
    assert "f.jsonl, row 2" in str(caught.value)
    assert said in str(caught.value)
