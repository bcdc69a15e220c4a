"""The outcomes of documents in words."""

from __future__ import annotations

import pytest

from harness.stages.data.outcomes import Explanation

pytestmark = pytest.mark.service


def test_what_became_of_a_document_is_said_in_a_sentence() -> None:
    kept = Explanation("a", True, None, None, None, "text", "text")
    assert str(kept) == "'a' was kept"
    removed = Explanation("c", False, "c4", "too_few_sentences", None, "text", None)
    assert str(removed) == "'c' was removed by c4: too_few_sentences"
    copy = Explanation("b", False, "exact", "duplicate", "a", "text", None)
    assert str(copy) == "'b' was removed by exact: a duplicate of 'a'"
